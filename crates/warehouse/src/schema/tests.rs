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
    crate::tests::golden("schema_v2.sql", &expanded());
}

/// Views hold nothing and are replaced at every start; what came before them is on users' disks. Later migrations only add to it.
#[test]
fn tables_of_the_first_version_are_made_as_they_were() {
    let tables = expanded();
    let first = include_str!("../../tests/golden/schema.sql");
    let first = first.split("CREATE OR REPLACE VIEW").next().expect("the first piece of a text");
    assert!(tables.starts_with(first), "a released migration was changed");
}

/// A number that is given twice would never be run the second time.
#[test]
fn migrations_have_their_own_numbers_in_their_order() {
    assert!(MIGRATIONS.is_sorted_by(|one, next| one.number < next.number));
}

#[test]
fn nothing_is_left_to_fill_in() {
    let text = expanded().replace("{zone:String}", "");
    assert!(!text.contains(['{', '}']), "{text}");
}

#[test]
fn every_currency_has_its_scale() {
    let text = scale("currency");
    for currency in Currency::all() {
        let listed = text.contains(&format!("'{currency}'"));
        assert_eq!(listed, currency.decimals() != 2, "{currency}");
    }
}
