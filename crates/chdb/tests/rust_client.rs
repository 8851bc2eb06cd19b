//! The unmodified `clickhouse` crate against the engine: typed rows, inserts, errors, parameters, compression.

use clickhouse::{Client, Compression, Row};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Row, Serialize, Deserialize)]
struct Visit {
    id: u64,
    page: String,
    note: Option<String>,
}

fn client() -> Client {
    let server = chdb::testing::shared();
    Client::default()
        .with_url(&server.url)
        .with_user(&server.user)
        .with_password(&server.password)
        .with_database(server.fresh_database())
}

fn run(test: impl Future<Output = clickhouse::error::Result<()>>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(test).expect("the engine answers");
}

fn visits(count: u64) -> Vec<Visit> {
    let note = |id: u64| id.is_multiple_of(3).then(|| format!("\n\n; DROP TABLE visits -- {id}"));
    (0..count).map(|id| Visit { id, page: format!("/p/{id}\n\n"), note: note(id) }).collect()
}

async fn write(client: &Client, rows: &[Visit]) -> clickhouse::error::Result<()> {
    let create =
        "CREATE TABLE visits (id UInt64, page String, note Nullable(String)) ENGINE = MergeTree ORDER BY id";
    client.query(create).execute().await?;
    let mut insert = client.insert::<Visit>("visits").await?;
    for row in rows {
        insert.write(row).await?;
    }
    insert.end().await
}

#[test]
fn typed_rows_come_back_as_they_went_with_any_compression() {
    for compression in [Compression::None, Compression::Lz4] {
        run(async {
            let client = client().with_compression(compression);
            let rows = visits(50_000);
            write(&client, &rows).await?;
            let back: Vec<Visit> = client.query("SELECT ?fields FROM visits ORDER BY id").fetch_all().await?;
            assert!(back == rows, "{} rows came back changed", back.len());
            Ok(())
        });
    }
}

#[test]
fn an_answer_of_many_blocks_has_one_head() {
    run(async {
        let mut cursor = client().query("SELECT number FROM numbers(1000000)").fetch::<u64>()?;
        let mut next = 0;
        while let Some(number) = cursor.next().await? {
            assert_eq!(number, next);
            next += 1;
        }
        assert_eq!(next, 1_000_000);
        Ok(())
    });
}

#[test]
fn parameters_travel_as_a_form_and_are_never_sql() {
    run(async {
        let hostile = "'; DROP TABLE x; --\n\\";
        let query = client().query("SELECT {text:String}, {number:UInt32}");
        let row: (String, u32) = query.param("text", hostile).param("number", 7).fetch_one().await?;
        assert_eq!(row, (hostile.to_owned(), 7));
        Ok(())
    });
}

#[test]
fn errors_carry_clickhouses_codes() {
    run(async {
        let client = client();
        for (statement, code) in [
            ("SELECT * FROM nowhere", "Code: 60."),
            ("SELEC 1", "Code: 62."),
            ("SELECT nothing", "Code: 47."),
            ("SELECT throwIf(number = 900000) FROM numbers(1000000)", "Code: 395."),
            ("CREATE TABLE t (a Nope) ENGINE = Memory", "Code: 50."),
        ] {
            let error = client.query(statement).execute().await.expect_err(statement).to_string();
            assert!(error.contains(code), "{statement}: {error}");
        }
        let refused = client.clone().with_password("wrong").query("SELECT 1").execute().await;
        let error = refused.expect_err("a wrong password").to_string();
        assert!(error.contains("Code: 516."), "{error}");
        Ok(())
    });
}

#[test]
fn settings_hold_for_one_statement_only() {
    run(async {
        let client = client();
        let threads = "SELECT toString(getSetting('max_block_size'))";
        let with: String = client.query(threads).with_setting("max_block_size", "77").fetch_one().await?;
        assert_eq!(with, "77");
        let without: String = client.query(threads).fetch_one().await?;
        assert_ne!(without, "77");
        Ok(())
    });
}
