//! Access reviews: they return what an account may do, without doing it.

use std::fmt;

use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec, SubjectAccessReview,
    SubjectAccessReviewSpec, SubjectAccessReviewStatus,
};
use kube::api::{Api, PostParams};

use super::{Cluster, ReadError};

/// A ServiceAccount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl Account {
    /// The ServiceAccount `name` of `namespace`.
    pub fn new(namespace: &str, name: &str) -> Self {
        Self { namespace: namespace.to_owned(), name: name.to_owned() }
    }

    /// The user name of the account in RBAC.
    pub fn user(&self) -> String {
        format!("system:serviceaccount:{}:{}", self.namespace, self.name)
    }

    fn groups(&self) -> Vec<String> {
        let own = format!("system:serviceaccounts:{}", self.namespace);
        vec!["system:serviceaccounts".to_owned(), own, "system:authenticated".to_owned()]
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// The right to one verb on one resource of one namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Right<'a> {
    /// `get`, `patch`, ….
    pub verb: &'a str,
    /// The API group, such as `argoproj.io`; empty for the core group.
    pub group: &'a str,
    /// `workflowtasksets`, or with a subresource `workflowtasksets/status`.
    pub resource: &'a str,
    /// The namespace of the resource.
    pub namespace: &'a str,
    /// The name of an object, if the right is for that object only.
    pub name: Option<&'a str>,
}

impl Right<'_> {
    fn attributes(&self) -> ResourceAttributes {
        let (resource, subresource) = match self.resource.split_once('/') {
            Some((resource, subresource)) => (resource, Some(subresource.to_owned())),
            None => (self.resource, None),
        };
        ResourceAttributes {
            verb: Some(self.verb.to_owned()),
            group: Some(self.group.to_owned()),
            resource: Some(resource.to_owned()),
            subresource,
            namespace: Some(self.namespace.to_owned()),
            name: self.name.map(str::to_owned),
            ..ResourceAttributes::default()
        }
    }
}

impl Cluster {
    /// The user name that the API server has for this process.
    pub async fn whoami(&self) -> Result<String, ReadError> {
        let api = Api::<SelfSubjectReview>::all(self.client().await?);
        let asked = api.create(&PostParams::default(), &SelfSubjectReview::default()).await;
        let answer =
            asked.map_err(|e| ReadError::of("create selfsubjectreviews (who am I)".to_owned(), &e))?;
        let user = answer.status.and_then(|status| status.user_info).and_then(|user| user.username);
        Ok(user.unwrap_or_else(|| "nobody".to_owned()))
    }

    /// Whether this process has `right`.
    pub async fn may_we(&self, right: &Right<'_>) -> Result<bool, ReadError> {
        let spec = SelfSubjectAccessReviewSpec {
            resource_attributes: Some(right.attributes()),
            ..SelfSubjectAccessReviewSpec::default()
        };
        let review = SelfSubjectAccessReview { spec, ..SelfSubjectAccessReview::default() };
        let api = Api::<SelfSubjectAccessReview>::all(self.client().await?);
        let answer = api.create(&PostParams::default(), &review).await;
        let answer = answer.map_err(|e| ReadError::of("create selfsubjectaccessreviews".to_owned(), &e))?;
        Ok(allowed(answer.status))
    }

    /// Whether `account` has `right`. This question itself needs a right.
    pub async fn may(&self, account: &Account, right: &Right<'_>) -> Result<bool, ReadError> {
        let spec = SubjectAccessReviewSpec {
            user: Some(account.user()),
            groups: Some(account.groups()),
            resource_attributes: Some(right.attributes()),
            ..SubjectAccessReviewSpec::default()
        };
        let review = SubjectAccessReview { spec, ..SubjectAccessReview::default() };
        let api = Api::<SubjectAccessReview>::all(self.client().await?);
        let answer = api.create(&PostParams::default(), &review).await;
        let answer = answer.map_err(|e| ReadError::of("create subjectaccessreviews".to_owned(), &e))?;
        Ok(allowed(answer.status))
    }
}

fn allowed(status: Option<SubjectAccessReviewStatus>) -> bool {
    status.is_some_and(|status| status.allowed)
}
