// git-http serves git repositories over smart HTTP. It needs nothing but the standard library.
module argo-buildkit/testbed/git-http

go 1.26
