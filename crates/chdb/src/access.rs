//! Who asks, and what a user who only reads may run.
//!
//! In: the two users' passwords, a request's credentials, a statement and the engine's verdict on it. Out: a [`Role`], or a
//! refusal in ClickHouse's words. Three walls stand behind each other: the engine's own parser says that a statement only
//! reads; the names it calls are looked up here; and the connection runs with `readonly=2`.
//! Not here: how credentials travel (`http`). Start at [`Users::role`].

use std::collections::HashSet;

use subtle::ConstantTimeEq;

use crate::{
    error::{EngineError, code},
    ffi::Class,
    sql,
};

/// A name and a password.
#[derive(Clone)]
pub struct User {
    /// The name, as the client sends it.
    pub name: String,
    /// The password, in clear: it never leaves the machine and is not stored here.
    pub password: String,
}

impl std::fmt::Debug for User {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("User").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The users of the HTTP port. The engine itself knows none.
#[derive(Debug, Clone)]
pub struct Users {
    /// May run anything.
    pub admin: User,
    /// May read tables, and nothing beyond them.
    pub reader: Option<User>,
}

/// What a request may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Admin,
    Reader,
}

impl Users {
    /// The role of whoever holds these credentials. Compares both users whole, so that time tells nothing.
    pub(crate) fn role(&self, name: &str, password: &str) -> Result<Role, EngineError> {
        let admin = matches(&self.admin, name, password);
        let reader = self.reader.as_ref().is_some_and(|reader| matches(reader, name, password));
        match (admin, reader) {
            (true, _) => Ok(Role::Admin),
            (false, true) => Ok(Role::Reader),
            (false, false) => Err(EngineError::new(
                code::AUTHENTICATION_FAILED,
                &format!(
                    "{name}: Authentication failed: password is incorrect, or there is no user with such name. \
                     (AUTHENTICATION_FAILED)"
                ),
            )),
        }
    }
}

fn matches(user: &User, name: &str, password: &str) -> bool {
    let name = user.name.as_bytes().ct_eq(name.as_bytes());
    let password = user.password.as_bytes().ct_eq(password.as_bytes());
    bool::from(name & password)
}

/// Table functions that read nothing but their arguments and the tables of this engine. Every other one is refused to
/// the reader, those of future engines too: most reach files or the network, and `merge`, `loop` and the ones that show a table's inside
/// (`mergeTreeIndex`, `mergeTreeProjection`) read past what guards the table itself (fault 123).
const SAFE_TABLE_FUNCTIONS: [&str; 16] = [
    "dictionary",
    "format",
    "fuzzjson",
    "generate_series",
    "generaterandom",
    "generateseries",
    "null",
    "numbers",
    "numbers_mt",
    "primes",
    "sqlstandardvalues",
    "values",
    "view",
    "viewifpermitted",
    "zeros",
    "zeros_mt",
];

/// Functions outside FROM that reach files or the network.
const UNSAFE_FUNCTIONS: [&str; 4] = ["file", "catboostevaluate", "modelevaluate", "getclienthttpheader"];

/// What the reader may see of the database `system`: what there is and what it is called, which clients ask for by themselves. Not what others
/// run (`processes`, `query_log`), who they are, or where data and secrets lie; nor a table of a future engine that nobody has judged.
const SAFE_SYSTEM_TABLES: [&str; 24] = [
    "aggregate_function_combinators",
    "build_options",
    "collations",
    "columns",
    "completions",
    "contributors",
    "data_skipping_indices",
    "data_type_families",
    "databases",
    "formats",
    "functions",
    "keywords",
    "licenses",
    "numbers",
    "numbers_mt",
    "one",
    "parts",
    "settings",
    "table_engines",
    "table_functions",
    "tables",
    "time_zones",
    "zeros",
    "zeros_mt",
];

/// Where the engine keeps what it knows of itself.
const SYSTEM: &str = "system";

/// Names the reader must not call, lower case, from the engine's own list of table functions.
pub(crate) fn denied_names(table_functions: &str) -> HashSet<String> {
    let all = table_functions.lines().map(|name| name.trim().to_ascii_lowercase());
    let denied = all.filter(|name| !name.is_empty() && !SAFE_TABLE_FUNCTIONS.contains(&name.as_str()));
    denied.chain(UNSAFE_FUNCTIONS.map(str::to_owned)).collect()
}

/// May the reader run this one statement?
pub(crate) fn check_reader(
    statement: &[u8],
    class: Class,
    denied: &HashSet<String>,
    names: Names<'_>,
) -> Result<(), EngineError> {
    let words = ["select", "with", "from", "show", "describe", "desc", "explain", "exists", "check"];
    if !words.contains(&sql::first_word(statement).as_str())
        || matches!(class, Class::Mutating | Class::Control)
    {
        return Err(read_only());
    }
    for name in sql::called_names(statement) {
        let refused = match &name {
            None => true,
            // The `ai*` functions send rows to somebody else's machine.
            Some(name) => denied.contains(name) || AI_FUNCTIONS.contains(&name.as_str()),
        };
        if refused {
            let name = name.unwrap_or_else(|| "a name in unusual quotes".to_owned());
            return Err(denied_access(&format!("this user may read tables only, not call {name}")));
        }
    }
    check_system(statement, names)
}

/// Names that a request brings beside its statement.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Names<'a> {
    /// Where names without a database are looked for.
    pub(crate) database: Option<&'a str>,
    /// Values that the statement may put in the place of a name.
    pub(crate) params: &'a [(String, String)],
}

/// Refuses tables that tell of other people's queries and of secrets.
fn check_system(statement: &[u8], names: Names<'_>) -> Result<(), EngineError> {
    for table in sql::members_of(statement, SYSTEM) {
        if !table.as_deref().is_some_and(|it| SAFE_SYSTEM_TABLES.contains(&it)) {
            let table = table.unwrap_or_else(|| "a table in unusual quotes".to_owned());
            return Err(denied_access(&format!("this user may not read {SYSTEM}.{table}")));
        }
    }
    let given = names.params.iter().any(|(_, value)| value.to_ascii_lowercase().contains(SYSTEM));
    if (given && sql::has_word(statement, "identifier")) || names.database == Some(SYSTEM) {
        return Err(denied_access("this user may not name the database system beside a statement"));
    }
    // `SHOW PROCESSLIST` is another word for `system.processes`.
    if sql::has_word(statement, "processlist") {
        return Err(denied_access("this user may not see what others run"));
    }
    Ok(())
}

fn denied_access(why: &str) -> EngineError {
    EngineError::new(code::ACCESS_DENIED, &format!("Not enough privileges: {why}. (ACCESS_DENIED)"))
}

const AI_FUNCTIONS: [&str; 5] = ["aiclassify", "aiembed", "aiextract", "aigenerate", "aitranslate"];

/// The refusal of a statement that writes.
pub(crate) fn read_only() -> EngineError {
    EngineError::new(code::READONLY, "Cannot execute query in readonly mode. (READONLY)")
}

/// The refusal of a statement that writes and came by GET, as ClickHouse words it.
pub(crate) fn get_is_read_only() -> EngineError {
    EngineError::new(
        code::READONLY,
        "Cannot execute query in readonly mode. For queries over HTTP, method GET implies readonly. You should use \
         method POST for modifying queries. (READONLY)",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn users() -> Users {
        let user = |name: &str, password: &str| User { name: name.to_owned(), password: password.to_owned() };
        Users { admin: user("admin", "a"), reader: Some(user("reader", "r")) }
    }

    #[test]
    fn a_role_needs_its_own_name_and_password() {
        for (name, password, want) in [
            ("admin", "a", Some(Role::Admin)),
            ("reader", "r", Some(Role::Reader)),
            ("admin", "r", None),
            ("reader", "a", None),
            ("reader", "", None),
            ("", "", None),
        ] {
            assert_eq!(users().role(name, password).ok(), want, "{name} {password}");
        }
    }

    // fault 120
    #[test]
    fn no_password_with_one_bit_changed_opens_the_port() {
        let password = "3f9a0c77d2e1";
        let users = Users {
            admin: User { name: "tributary".to_owned(), password: password.to_owned() },
            reader: Some(User { name: "reader".to_owned(), password: "another".to_owned() }),
        };
        assert_eq!(users.role("tributary", password).ok(), Some(Role::Admin));
        for bit in 0..8 * password.len() {
            let mut bytes = password.as_bytes().to_vec();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let changed = String::from_utf8_lossy(&bytes).into_owned();
            assert!(users.role("tributary", &changed).is_err(), "{changed:?}");
        }
        for cut in 0..password.len() {
            assert!(users.role("tributary", &password[..cut]).is_err());
        }
        assert!(users.role("reader", password).is_err(), "another user's password");
        assert!(users.role("tributary", "another").is_err());
    }

    #[test]
    fn a_table_function_nobody_has_judged_is_denied() {
        let denied = denied_names("numbers\nurl\nteleport\n");
        assert!(denied.contains("teleport") && denied.contains("url") && denied.contains("file"));
        assert!(!denied.contains("numbers"));
    }

    #[test]
    fn passwords_are_not_printed() {
        assert!(
            !format!("{:?}", User { name: "n".to_owned(), password: "secret".to_owned() }).contains("secret")
        );
    }
}
