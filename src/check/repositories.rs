//! Git: whether the login may read and write, and the rules of the branch.

use super::target::Repository;
use super::{Doctor, Finding};
use crate::engine::{git_login, wanted_of};
use crate::forge::{self, Branch, ForgeError};
use crate::git::{Credentials, GitError, Resolved, Writable};
use crate::outcome::{StepError, chain};

impl Doctor {
    /// Checks whether `target` may be read.
    pub(super) async fn read(&self, target: &Repository) -> Finding {
        let subject = format!("git read {}", target.repo);
        let login = match self.login(target).await {
            Ok(login) => login,
            Err(error) => return Finding::fail(subject, error.message),
        };
        let revision = target.branch.as_deref().unwrap_or("HEAD");
        judge_read(subject, revision, &self.engine.git.resolve(&target.repo, &login, revision).await)
    }

    /// Checks whether `target` may be committed to.
    pub(super) async fn write(&self, target: &Repository) -> Vec<Finding> {
        let subject = format!("git write {}", target.repo);
        let login = match self.login(target).await {
            Ok(login) => login,
            Err(error) => return vec![Finding::fail(subject, error.message)],
        };
        let answer = self.engine.git.may_push(&target.repo, &login).await;
        let mut found = vec![judge_write(subject, target.branch.as_deref(), &answer)];
        if let (Ok(writable), Some(branch)) = (&answer, &target.branch)
            && writable.has(branch)
        {
            let subject = format!("git branch {branch} of {}", target.repo);
            found.push(judge_branch(subject, &self.branch(target, branch, &login).await));
        }
        found
    }

    pub(super) async fn login(&self, target: &Repository) -> Result<Credentials, StepError> {
        let Some(name) = &target.secret else { return Ok(Credentials::Anonymous) };
        let secret = self.secret(name).await?;
        self.engine.secret_rules.answer(&self.site.namespace, &secret, &wanted_of(&target.repo)?)?;
        Ok(git_login(&secret, name.key.as_deref(), target.repo.is_ssh(), &self.redactor)?)
    }

    /// The branch's rules, if the server has a forge's API that accepts the login.
    async fn branch(&self, target: &Repository, branch: &str, login: &Credentials) -> Rules {
        let Credentials::Basic { token, .. } = login else { return Rules::Unasked };
        let Ok(repository) = forge::ForgeRepository::from_clone_url(&target.url, None, None) else {
            return Rules::Unasked;
        };
        match self.engine.forge.branch(&repository, token, branch).await {
            Ok(Some(branch)) => Rules::Known(branch),
            Ok(None) => Rules::Unasked,
            Err(error) => Rules::Untold(error),
        }
    }
}

/// The known rules of a protected branch.
enum Rules {
    Known(Branch),
    /// The server has no API that we support, or there is no token for it.
    Unasked,
    Untold(ForgeError),
}

fn judge_read(subject: String, revision: &str, answer: &Result<Resolved, GitError>) -> Finding {
    match answer {
        Ok(resolved) => Finding::ok(subject, format!("{revision} is {}", resolved.sha)),
        Err(error) => Finding::fail(subject, chain(error)),
    }
}

fn judge_write(subject: String, branch: Option<&str>, answer: &Result<Writable, GitError>) -> Finding {
    match (answer, branch) {
        (Err(error), _) => Finding::fail(subject, chain(error)),
        (Ok(writable), _) if writable.is_empty() => {
            Finding::fail(subject, "may push, but the repository has no commit yet; push a first one")
        }
        (Ok(writable), Some(branch)) if !writable.has(branch) => Finding::fail(
            subject,
            format!("may push, but there is no branch `{branch}`; create it, or name another one"),
        ),
        (Ok(_), _) => Finding::ok(subject, "may push"),
    }
}

fn judge_branch(subject: String, rules: &Rules) -> Finding {
    let unknown = "whether rules protect it shows only when something is pushed";
    match rules {
        Rules::Known(Branch { protected: false, .. }) => Finding::ok(subject, "no rule protects it"),
        Rules::Known(Branch { user_can_push: Some(true), .. }) => {
            Finding::ok(subject, "is protected, and this login may push to it")
        }
        Rules::Known(Branch { user_can_push: Some(false), .. }) => Finding::fail(
            subject,
            "is protected, and this login may not push to it; put its user on the rule's push list, or use \
             `mode: pull-request`",
        ),
        Rules::Known(Branch { user_can_push: None, .. }) => Finding::warn(
            subject,
            "is protected, and the forge does not tell whom it lets push; if steps are refused, use `mode: \
             pull-request`",
        ),
        Rules::Unasked => Finding::skip(subject, format!("no forge to ask; {unknown}")),
        Rules::Untold(error) => Finding::skip(subject, format!("{}; {unknown}", chain(error))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(rules: &Rules) -> String {
        judge_branch("git branch main".to_owned(), rules).to_string()
    }

    #[test]
    fn a_branch_s_rules_are_said() {
        let known = |protected, user_can_push| Rules::Known(Branch { protected, user_can_push });
        assert_eq!(said(&known(false, None)), "ok   git branch main: no rule protects it");
        assert!(said(&known(true, Some(true))).starts_with("ok   git branch main: is protected"));
        assert!(said(&known(true, Some(false))).starts_with("FAIL git branch main: is protected"));
        assert!(said(&known(true, None)).starts_with("warn"));
        assert!(said(&Rules::Unasked).starts_with("skip"));
    }
}
