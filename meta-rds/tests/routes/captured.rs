//! What a real control plane sent, where there is a record of it: the file that
//! `META_RDS_CAPTURE` names.

use std::{env, fs};

use serde_json::Value;

use crate::support::table;

#[test]
#[ignore = "needs a record of a control plane: META_RDS_CAPTURE"]
fn a_captured_response_is_read() {
    let path = env::var("META_RDS_CAPTURE").expect("META_RDS_CAPTURE names the record");
    let text = fs::read_to_string(path).expect("the record");
    let record: Value = serde_json::from_str(&text).expect("it is JSON");
    let routes = table(&record["discovery_response"].to_string());
    let names: Vec<_> = routes
        .table
        .routes()
        .map(|(_, route)| &*route.name)
        .collect();
    assert_eq!(names, ["exact", "prefix", "regex", "rest"]);
    assert_eq!(
        record["discovery_response"]["resources"][0]["name"],
        **routes.table.name()
    );
}
