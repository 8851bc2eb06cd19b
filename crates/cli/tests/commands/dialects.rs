//! `tributary orders import --dialect`: files as other systems export them, one for each shape that differs.

use std::{fmt::Write as _, path::Path};

use super::orders::Shop;
use crate::{path, tributary};

const CATALOG: &str = r#"
[[advertiser]]
id = 1
name = "Tea"
currency = "EUR"
time_zone = "Europe/Berlin"
tokens = ["the-token"]
[[offer]]
id = 10
advertiser = 1
name = "Pots"
destination = "https://shop.example.com/"
[[partner]]
id = 100
name = "Blog"
[[link]]
id = 1000
code = "tea"
partner = 100
offer = 10
[[dialect]]
name = "post_affiliate_pro"
[[alias]]
dialect = "post_affiliate_pro"
old = "annas-blog"
partner = 100
[[dialect]]
name = "old"
report_paths = ["/sale"]
amounts = "minor"
[dialect.report]
order_id = "nr"
amount = "cents"
status = "zustand"
partner = "werber"
[dialect.status]
bezahlt = "approved"
"*" = "pending"
[[alias]]
dialect = "old"
old = "W7"
partner = 100
"#;

/// Files, and the flags each needs besides its dialect.
const FILES: [(&str, &[&str]); 5] = [
    ("post_affiliate_pro", &["--column", "time=DateInserted"]),
    ("dub", &[]),
    ("impact", &[]),
    ("partnerize", &[]),
    ("old", &["--column", "time=Zeit"]),
];

#[test]
fn a_file_of_another_system_is_read_in_its_own_words() {
    let shop = Shop::with(CATALOG);
    let data = path(shop.data.path()).to_owned();
    let mut told = String::new();
    for (dialect, flags) in FILES {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/import/{dialect}.csv"));
        let fixed = ["--dialect", dialect, "--data", &data, "--json"];
        let said = shop.import(path(&file), &[&fixed, flags, &["--dry-run"]].concat());
        for it in said.events("columns") {
            writeln!(told, "{dialect}: read {} ignored {}", it["read"], it["ignored"]).unwrap();
        }
        for it in said.events("line") {
            let what = if it["error"].is_null() { &it["understood"] } else { &it["error"] };
            writeln!(told, "{dialect}:{}: {what}", it["line"]).unwrap();
        }
        shop.import(path(&file), &[&fixed, flags].concat());
    }
    assert_eq!(told, include_str!("../golden/import/told_v1.txt"), "{told}");
    let partners: Vec<_> =
        shop.reports().iter().map(|it| (it.key.order.to_string(), it.partner.map(|it| it.0))).collect();
    let taken = [
        ("P-1", Some(100)),
        ("P-3", None),
        ("D-1", None),
        ("D-2", None),
        ("I-1", None),
        ("Z-1", None),
        ("O-1", Some(100)),
    ];
    assert_eq!(partners, taken.map(|(order, partner)| (order.to_owned(), partner)));
    shop.edge.stop();
}

#[test]
fn a_dialect_that_is_not_there_is_told_with_those_that_are() {
    let shop = Shop::with(CATALOG);
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/import/dub.csv");
    let data = path(shop.data.path()).to_owned();
    let said = shop.import(path(&file), &["--dialect", "dup", "--data", &data]).expect(1);
    assert!(
        said.err.contains("there is no dialect `dup`; there are affise, ") && said.err.contains(", old, "),
        "{}",
        said.err
    );
    let nowhere = tempfile::tempdir().unwrap();
    let fixed = ["orders", "import", path(&file), "--dialect", "dub", "--data", path(nowhere.path())];
    let said = tributary(&fixed).expect(1);
    assert!(said.err.contains("give --config FILE or --data DIR"), "{}", said.err);
    assert!(shop.reports().is_empty());
    shop.edge.stop();
}
