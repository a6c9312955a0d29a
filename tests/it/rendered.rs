//! What a chart or a kustomization renders after an edit is the image that was asked for, or nothing was written:
//! judged by `helm template` and `kustomize build`.

mod helm;
mod kustomize;
mod references;
