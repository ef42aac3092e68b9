//! The routes of docs/openapi.yaml and of the server: the same paths with the same methods.

use std::collections::{BTreeMap, BTreeSet};

use roomd::net::http::routes;

use crate::document::Document;

type Paths = BTreeMap<String, BTreeSet<String>>;

/// Every path also has `OPTIONS`, and `HEAD` where it has `GET`: said once in the document.
fn own(methods: impl Iterator<Item = String>) -> BTreeSet<String> {
    methods.filter(|method| !matches!(&**method, "HEAD" | "OPTIONS")).collect()
}

#[test]
fn the_routes_of_the_document_are_those_of_the_server() {
    let document = Document::read("openapi.yaml");
    let described: Paths = document
        .at("/paths")
        .as_object()
        .unwrap()
        .iter()
        .map(|(path, item)| {
            let methods = item.as_object().unwrap().keys().filter(|key| *key != "parameters");
            (path.clone(), own(methods.map(|method| method.to_uppercase())))
        })
        .collect();
    let table = routes::addresses().into_iter();
    let mut served: Paths = table
        .map(|(address, methods)| {
            let (path, _) = address.split_once('?').unwrap_or((&address, ""));
            (path.to_owned(), own(methods.split(", ").map(str::to_owned)))
        })
        .collect();
    // Addresses of the page, which is one route.
    for path in ["/chat/{room}", "/chat/{room}/{seq}"] {
        served.insert(path.to_owned(), own(std::iter::once("GET".to_owned())));
    }
    assert_eq!(described, served, "docs/openapi.yaml (left) and the routes (right) differ");
}

#[test]
fn what_both_documents_describe_they_describe_alike() {
    let [openapi, asyncapi] = ["openapi.yaml", "asyncapi.yaml"].map(Document::read);
    let schemas = |document: &Document| document.at("/components/schemas").as_object().unwrap().clone();
    let other = schemas(&asyncapi);
    let mut shared = 0;
    for (name, schema) in schemas(&openapi) {
        if let Some(same) = other.get(&name) {
            assert_eq!(&schema, same, "{name}");
            shared += 1;
        }
    }
    assert!(shared > 5, "the documents share names of schemas");
}
