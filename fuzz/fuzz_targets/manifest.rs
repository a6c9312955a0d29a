//! Feeds arbitrary files to the manifest editor: it must not panic, a splice must never fail its proof, and
//! an edit that was made must be idle the second time.
//!
//! The first line of the input is `TARGET value`; the rest is the file.
//! Run: `make fuzz ONLY=manifest`.
#![no_main]

use argo_buildkit::manifest::{Edit, EditError, KustomizeField, Target, apply};
use libfuzzer_sys::fuzz_target;

const DIGEST: &str = "sha256:2222222222222222222222222222222222222222222222222222222222222222";

fuzz_target!(init: {
    // The parser's own panics are caught by the editor; libfuzzer's hook would abort at them.
    std::panic::set_hook(Box::new(|_| {}));
}, |input: &[u8]| {
    let Some(newline) = input.iter().position(|b| *b == b'\n') else { return };
    let (head, file) = (&input[..newline], &input[newline + 1..]);
    let Some((path, value)) = std::str::from_utf8(head).ok().and_then(|head| head.split_once(' ')) else { return };
    if let Ok(target) = path.parse::<Target>() {
        assert_eq!(target.to_string().parse(), Ok(target.clone()), "a target is read as it displays");
        check(file, Edit::new(target.clone(), value));
        check(file, Edit { create: true, ..Edit::new(target.clone(), value) });
        check(file, Edit { shared: true, ..Edit::new(target, value) });
    }
    let kustomize = |field, value: &str| Edit::new(Target::Kustomize { image: path.to_owned(), field }, value);
    check(file, kustomize(KustomizeField::NewTag, value));
    check(file, kustomize(KustomizeField::Digest, DIGEST));
});

fn check(file: &[u8], edit: Edit) {
    match apply(file, std::slice::from_ref(&edit)) {
        Ok(edited) => {
            let again = apply(&edited.bytes, std::slice::from_ref(&edit));
            if again.map(|again| (again.changed, again.bytes)) != Ok((false, edited.bytes)) {
                eprintln!("the second run of {edit:?} was not idle");
                std::process::abort();
            }
        }
        Err(error @ EditError::Unproven { .. }) => {
            eprintln!("{error}");
            std::process::abort();
        }
        Err(_) => {}
    }
}
