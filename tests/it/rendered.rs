//! After an edit, a chart or a kustomization must render the requested image, or nothing was written. `helm template`
//! and `kustomize build` decide.

mod helm;
mod kustomize;
mod references;
mod shapes;
