"""What an analyst reads of one click and its order with clickhouse-connect; run by clients.rs. Says `done` at its end."""

import decimal
import sys

import clickhouse_connect
from clickhouse_connect.driver.exceptions import DatabaseError

port, password, click_id = sys.argv[1:]

for compress in (False, "lz4", "zstd", "gzip"):
    client = clickhouse_connect.get_client(
        host="127.0.0.1", port=int(port), username="reader", password=password, database="tributary", compress=compress
    )
    columns = "sub1, sub2, click_id, partner_id, partner_name, is_unique"
    clicks = client.query(f"SELECT {columns} FROM clicks WHERE click_id = {{id:String}}", parameters={"id": click_id})
    assert clicks.result_rows == [("it's", "茶", click_id, 100, "The Tea Blog", True)], clicks.result_rows
    orders = client.query("SELECT order_id, partner_id, status, revenue, currency FROM orders").result_rows
    assert orders == [("C-1", 100, "pending", decimal.Decimal("49.95"), "EUR")], orders
    for table in ("rollup_quarter", "rollup_hourly", "rollup_daily", "partner_daily"):
        cells = client.query(f"SELECT clicks, clicks_valid, orders, revenue FROM {table}").result_rows
        assert cells == [(1, 1, decimal.Decimal(1), decimal.Decimal("49.95"))], (table, cells)
    # A growing day's visitors may be a minute old, so only the quarter's are exact by now.
    assert client.query("SELECT visitors FROM rollup_quarter").result_rows == [(1,)]
    try:
        client.insert("orders_log", [["forged"]], column_names=["order_id"])
        raise SystemExit("the reader wrote")
    except DatabaseError as error:
        assert "Code: 164." in str(error), error

print("done")
