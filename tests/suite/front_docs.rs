//! The pages that lead in: the index names every page, and every proof that the security page names exists.

use std::collections::BTreeSet;
use std::path::Path;

use crate::docs;

/// Every source file of these folders, as one text.
fn sources() -> String {
    fn collect(folder: &Path, into: &mut String) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let source = path.extension().is_some_and(|ending| ending == "rs" || ending == "py");
            if path.is_dir() {
                collect(&path, into);
            } else if source {
                into.push_str(&std::fs::read_to_string(&path).unwrap());
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut text = String::new();
    for folder in ["tests/suite", "tests/stack", "tests/lab", "functions", "shared/src"] {
        collect(&root.join(folder), &mut text);
    }
    text
}

/// Names of tests that a page gives, in back quotes: sentences with underscores.
fn proofs(page: &str) -> BTreeSet<&str> {
    let sentence = |name: &&str| {
        name.matches('_').count() >= 3 && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    };
    docs::quoted(page).into_iter().filter(sentence).collect()
}

#[test]
fn every_proof_that_the_security_page_names_is_a_test() {
    let (page, sources) = (docs::text("docs/security.md"), sources());
    let proofs = proofs(&page);
    assert!(proofs.len() >= 20, "{proofs:?}");
    for name in proofs {
        assert!(sources.contains(&format!("fn {name}(")) || sources.contains(&format!("def {name}(")), "{name}");
    }
}

#[test]
fn a_proof_that_does_not_exist_is_found() {
    let page = "A claim: `nobody_has_ever_written_this_test`, and `a_word`, and `steward:deploy`.";
    assert_eq!(proofs(page), BTreeSet::from(["nobody_has_ever_written_this_test"]));
    assert!(!sources().contains(&["fn nobody_has_ever_written", "this_test("].join("_")));
}

#[test]
fn the_index_names_every_page_and_folder_of_docs() {
    let index = docs::text("docs/README.md");
    for name in docs::names("docs", ".md") {
        assert!(name == "README" || index.contains(&format!("({name}.md")), "{name}");
    }
    for folder in docs::folders("docs") {
        assert!(index.contains(&format!("({folder}/")), "{folder}");
    }
}
