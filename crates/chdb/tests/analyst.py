"""What an analyst does with clickhouse-connect; run by python_client.rs. Says `done` at its end."""

import datetime
import sys

import clickhouse_connect
from clickhouse_connect.driver.exceptions import DatabaseError

port, user, password, reader, reader_password, database = sys.argv[1:]


def client(name, key, compress):
    return clickhouse_connect.get_client(
        host="127.0.0.1", port=int(port), username=name, password=key, database=database, compress=compress
    )


def refused(code, action):
    try:
        action()
    except DatabaseError as error:
        assert f"Code: {code}." in str(error), error
        return
    raise AssertionError(f"no error {code}")


start = datetime.datetime(2026, 1, 1)
rows = [
    [i, f"x\n\n; DROP TABLE t {i}", start + datetime.timedelta(seconds=i), f"a{i % 5}", None if i % 2 else i]
    for i in range(20_000)
]
names = ["id", "text", "at", "kind", "maybe"]

for compress in (False, "lz4", "zstd", "gzip"):
    admin = client(user, password, compress)
    admin.command("DROP TABLE IF EXISTS t")
    admin.command(
        "CREATE TABLE t (id UInt64, text String, at DateTime64(3, 'UTC'), kind LowCardinality(String),"
        " maybe Nullable(Int32)) ENGINE = MergeTree ORDER BY id"
    )
    assert admin.insert("t", rows, column_names=names).written_rows == len(rows)
    assert [list(row) for row in admin.query("SELECT * FROM t ORDER BY id").result_rows] == rows, compress
    hostile = "a'b\n\\"
    echoed = admin.query("SELECT {x:String} AS a, {y:UInt8} AS b", parameters={"x": hostile, "y": 3})
    assert echoed.result_rows == [(hostile, 3)], echoed.result_rows
    limited = admin.query("SELECT getSetting('max_threads')", settings={"max_threads": 1})
    assert limited.result_rows == [(1,)]
    with admin.query_row_block_stream("SELECT number FROM numbers(500000)") as blocks:
        assert sum(len(block) for block in blocks) == 500_000
    refused(60, lambda: admin.query("SELECT * FROM nowhere"))
    # An answer that fails half way must be an error, not a short answer. Rows are fetched when they are asked for.
    refused(395, lambda: admin.query("SELECT throwIf(number = 2500000) FROM numbers(3000000)").result_rows)

analyst = client(reader, reader_password, True)
assert analyst.query("SELECT count() FROM t").result_rows == [(len(rows),)]
refused(164, lambda: analyst.command("DROP TABLE t"))
refused(497, lambda: analyst.query("SELECT * FROM file('/etc/hostname', 'LineAsString')"))
refused(516, lambda: client(reader, "wrong", True))
print("done")
