//! The statements as they reach the engine are frozen: a change of a released table is a new migration, never an edit.

use super::*;

/// Every statement, as it is sent.
fn expanded() -> String {
    let mut statements = vec![MIGRATIONS_TABLE.to_owned()];
    statements.extend(MIGRATIONS.iter().flat_map(Migration::statements));
    statements.extend(views("tributary", "UTC"));
    statements.join(";\n\n") + ";\n"
}

#[test]
fn statements_are_frozen() {
    crate::tests::golden("schema.sql", &expanded());
}

#[test]
fn nothing_is_left_to_fill_in() {
    let text = expanded().replace("{zone:String}", "");
    assert!(!text.contains(['{', '}']), "{text}");
}

#[test]
fn every_currency_has_its_scale() {
    let text = scale();
    for currency in Currency::all() {
        let listed = text.contains(&format!("'{currency}'"));
        assert_eq!(listed, currency.decimals() != 2, "{currency}");
    }
}
