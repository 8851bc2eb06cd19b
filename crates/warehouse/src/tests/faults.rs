//! Faults of reliability.md 9 that an engine can be brought to.

use super::world::{NOON, click, run, value, warehouse};
use crate::{Batch, WriteError};

// fault 85
#[test]
fn a_dropped_table_holds_the_batch_and_loses_nothing() {
    run(async {
        let warehouse = warehouse().await;
        let mut batch = Batch::new();
        batch.click(&click(1, NOON));
        warehouse.execute("RENAME TABLE clicks_log TO away").await.unwrap();
        let error = warehouse.write("a", &batch).await.unwrap_err();
        assert!(matches!(error, WriteError::Transient { .. }), "{error:?}");
        assert!(warehouse.self_test().await.is_err());
        warehouse.execute("RENAME TABLE away TO clicks_log").await.unwrap();
        warehouse.write("a", &batch).await.unwrap();
        warehouse.self_test().await.unwrap();
        assert_eq!(value(&warehouse, "SELECT count() FROM clicks").await, "1");
    });
}
