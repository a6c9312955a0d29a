// Argo CD's application controller and repo-server, and what git asks for passwords. Which of them a process is,
// $ARGOCD_BINARY_NAME says, as in Argo CD's own binary, whose other roles cost minutes to build.
package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	controller "github.com/argoproj/argo-cd/v3/cmd/argocd-application-controller/commands"
	askpass "github.com/argoproj/argo-cd/v3/cmd/argocd-git-ask-pass/commands"
	reposerver "github.com/argoproj/argo-cd/v3/cmd/argocd-repo-server/commands"
)

var roles = map[string]func() *cobra.Command{
	"argocd-application-controller": controller.NewCommand,
	"argocd-git-ask-pass":           askpass.NewCommand,
	"argocd-repo-server":            reposerver.NewCommand,
}

func main() {
	name := os.Getenv("ARGOCD_BINARY_NAME")
	role, known := roles[name]
	if !known {
		fmt.Fprintf(os.Stderr, "ARGOCD_BINARY_NAME=%q is none of Argo CD's roles that are built here\n", name)
		os.Exit(2)
	}
	if err := role().Execute(); err != nil {
		os.Exit(1)
	}
}
