// Argo Workflows. Its module is built in a copy of its own source (see build.sh), with the go.sum found there;
// what is pinned here is that source.
module argo-buildkit/testbed/argo

go 1.26

require github.com/argoproj/argo-workflows/v4 v4.0.7
