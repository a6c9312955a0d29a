// git-http serves the repositories under a directory over smart HTTP, fetch and push, behind Basic auth.
// With neither -user nor -password it asks for none.
package main

import (
	"bytes"
	"crypto/subtle"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/cgi"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// What the repositories then need not configure for themselves.
var gitConfig = [][2]string{
	{"http.receivepack", "true"},
	{"uploadpack.allowFilter", "true"},
	{"uploadpack.allowAnySHA1InWant", "true"},
	{"safe.directory", "*"},
}

func main() {
	root := flag.String("root", ".", "directory that holds the repositories")
	user := flag.String("user", "", "user name that clients must send")
	password := flag.String("password", "", "password that clients must send")
	filter := flag.Bool("filter", true, "serve parts of repositories, as for partial clones")
	listen := flag.String("listen", "127.0.0.1:0", "address to listen on; port 0 takes a free one")
	flag.Parse()

	backend, err := gitBackend(*root, *filter)
	if err != nil {
		log.Fatal(err)
	}
	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("http://%s\n", listener.Addr())
	log.Fatal(http.Serve(listener, authenticated(*user, *password, backend)))
}

func gitBackend(root string, filter bool) (http.Handler, error) {
	config := gitConfig
	if !filter {
		config = slices.DeleteFunc(slices.Clone(config), func(c [2]string) bool { return strings.HasPrefix(c[0], "uploadpack.") })
	}
	git, err := exec.LookPath("git")
	if err != nil {
		return nil, err
	}
	root, err = filepath.Abs(root)
	if err != nil {
		return nil, err
	}
	env := []string{
		"GIT_PROJECT_ROOT=" + root,
		"GIT_HTTP_EXPORT_ALL=1",
		fmt.Sprintf("GIT_CONFIG_COUNT=%d", len(config)),
	}
	for i, setting := range config {
		env = append(env, fmt.Sprintf("GIT_CONFIG_KEY_%d=%s", i, setting[0]), fmt.Sprintf("GIT_CONFIG_VALUE_%d=%s", i, setting[1]))
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := unchunk(r); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		protocol := "GIT_PROTOCOL=" + r.Header.Get("Git-Protocol")
		request := cgi.Handler{Path: git, Args: []string{"http-backend"}, Dir: root, Env: append(slices.Clip(env), protocol)}
		request.ServeHTTP(w, r)
	}), nil
}

// unchunk gives the body a length, without which CGI refuses it: git sends any push over 1 MiB in chunks.
func unchunk(r *http.Request) error {
	if len(r.TransferEncoding) == 0 {
		return nil
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	r.ContentLength = int64(len(body))
	r.TransferEncoding = nil
	return nil
}

func authenticated(user, password string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		gotUser, gotPassword, _ := r.BasicAuth()
		if same(gotUser, user) && same(gotPassword, password) {
			next.ServeHTTP(w, r)
			return
		}
		w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
		http.Error(w, "Unauthorized", http.StatusUnauthorized)
	})
}

func same(got, want string) bool {
	return subtle.ConstantTimeCompare([]byte(got), []byte(want)) == 1
}
