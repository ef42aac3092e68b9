//! Circles of imports among the modules of one top-level module or crate.
//!
//! A file is a node, and so is a folder's `mod.rs`; a private module below a folder belongs to the folder's
//! `mod.rs`, whose code it continues. A name that is re-exported counts for the file that defines it, and a
//! `pub use` itself for nothing. Used by the rule in `tidy.rs`.

use std::collections::{BTreeMap, BTreeSet};

use crate::source::Source;

type Module = Vec<String>;

/// The circles of more than one file, each in the order of the modules' names.
pub fn circles(sources: &[Source]) -> Vec<Vec<Module>> {
    let edges = edges(sources);
    let reached: BTreeMap<_, _> = edges.keys().map(|module| (module, reachable(module, &edges))).collect();
    let mut found = BTreeSet::new();
    for (module, modules) in &reached {
        let circle: Vec<_> = modules.iter().filter(|other| reached[*other].contains(*module)).cloned().collect();
        if circle.len() > 1 {
            found.insert(circle);
        }
    }
    found.into_iter().collect()
}

fn reachable(from: &Module, edges: &BTreeMap<Module, BTreeSet<Module>>) -> BTreeSet<Module> {
    let (mut reached, mut left) = (BTreeSet::new(), vec![from.clone()]);
    while let Some(module) = left.pop() {
        left.extend(edges[&module].difference(&reached).cloned());
        reached.extend(edges[&module].iter().cloned());
    }
    reached
}

/// Which modules each module imports, without those of other top-level modules.
fn edges(sources: &[Source]) -> BTreeMap<Module, BTreeSet<Module>> {
    let sources: BTreeMap<_, _> =
        sources.iter().filter(|source| !source.is_test).map(|source| (&source.module, source)).collect();
    let mut edges: BTreeMap<Module, BTreeSet<Module>> = BTreeMap::new();
    for (module, source) in &sources {
        let node = node(module, &sources);
        for path in source.imports() {
            let Some(imported) = resolve(absolute(source, &path, &sources), &sources, 8) else { continue };
            let other = self::node(&imported, &sources);
            edges.entry(other.clone()).or_default();
            if other.first() == node.first() && other != node {
                edges.entry(node.clone()).or_default().insert(other);
            }
        }
        edges.entry(node).or_default();
    }
    edges
}

/// The module itself, or the folder that it continues.
fn node(module: &Module, sources: &BTreeMap<&Module, &Source>) -> Module {
    let Some((name, parent)) = module.split_last().filter(|(_, parent)| parent.len() > 1) else {
        return module.clone();
    };
    let parent = parent.to_vec();
    let is_private = sources.get(&parent).is_some_and(|folder| folder.declares_privately(name));
    if is_private { node(&parent, sources) } else { module.clone() }
}

/// A path as it would be written from the root of the crate, with the crate's name first below `crates`.
fn absolute(source: &Source, path: &[String], sources: &BTreeMap<&Module, &Source>) -> Option<Module> {
    let supers = path.iter().take_while(|segment| *segment == "super").count();
    let of_crate = usize::from(!source.path.starts_with("src/"));
    match path.first()?.as_str() {
        "crate" => Some([&source.module[..of_crate], &path[1..]].concat()),
        "self" => Some([&source.module[..], &path[1..]].concat()),
        "super" => Some([&source.module[..source.module.len().checked_sub(supers)?], &path[supers..]].concat()),
        name => {
            let child = [&source.module[..], &[name.to_owned()]].concat();
            sources.contains_key(&child).then(|| [&source.module[..], path].concat())
        }
    }
}

/// The module that defines what a path names; re-exports are followed, at most so many.
fn resolve(path: Option<Module>, sources: &BTreeMap<&Module, &Source>, follow: usize) -> Option<Module> {
    let path = path?;
    let length = (0..=path.len()).rev().find(|length| sources.contains_key(&path[..*length].to_vec()))?;
    let (module, name) = (path[..length].to_vec(), path.get(length));
    let source = sources[&module];
    let reexported = source.uses().into_iter().find(|used| used.last() == name && name.is_some());
    match reexported {
        Some(used) if follow > 0 => resolve(absolute(source, &used, sources), sources, follow - 1),
        _ => Some(module),
    }
}
