//! The workspace's members, from cargo's metadata.

use serde_json::Value;

use super::{root, run};

/// A workspace member, from cargo's metadata.
pub(super) struct Member {
    pub(super) name: String,
    pub(super) layer: Option<u64>,
    /// Folder from the root, with a slash at the end.
    pub(super) folder: String,
    /// Normal and build dependencies; tests may look anywhere.
    pub(super) dependencies: Vec<String>,
}

pub(super) fn members() -> Vec<Member> {
    let manifest = root().join("Cargo.toml").display().to_string();
    let args = ["metadata", "--no-deps", "--offline", "--format-version=1", "--manifest-path", &manifest];
    let metadata: Value = serde_json::from_str(&run(env!("CARGO"), &args)).expect("cargo writes JSON");
    let root = text_at(&metadata, "/workspace_root");
    list_at(&metadata, "/packages").iter().map(|it| member(it, &root)).collect()
}

fn member(package: &Value, root: &str) -> Member {
    let manifest = text_at(package, "/manifest_path");
    let folder = manifest.trim_start_matches(root).trim_start_matches('/').trim_end_matches("Cargo.toml");
    let is_shipped = |it: &&Value| it.pointer("/kind").and_then(Value::as_str) != Some("dev");
    Member {
        name: text_at(package, "/name"),
        layer: package.pointer("/metadata/house/layer").and_then(Value::as_u64),
        folder: folder.to_owned(),
        dependencies: list_at(package, "/dependencies")
            .iter()
            .filter(is_shipped)
            .map(|it| text_at(it, "/name"))
            .collect(),
    }
}

fn text_at(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).and_then(Value::as_str).expect("cargo writes text here").to_owned()
}

fn list_at<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).and_then(Value::as_array).expect("cargo writes a list here")
}
