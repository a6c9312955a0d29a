// yaml-readers reads YAML as others do, so that an edit can be judged by them.
//
// Its input is a JSON list of texts; its output is, for each, what every reader makes of it: the list of its
// documents as JSON, or the reader's error. A string of several lines that is a mapping itself, such as the values
// in an Argo CD Application, is read as well.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"os"
	"regexp"
	"strings"

	goccy "github.com/goccy/go-yaml"
	"sigs.k8s.io/kustomize/kyaml/yaml"
	sigs "sigs.k8s.io/yaml"
)

// A document's end, as Helm and Kubernetes look for it before they read.
var separator = regexp.MustCompile(`(?m)^---[ \t]*(#.*)?\r?$`)

var readers = map[string]func(string) ([]any, error){
	"helm":      readHelm,
	"kustomize": readKustomize,
	"goccy":     readGoccy,
}

type answer struct {
	Documents []any  `json:"documents"`
	Error     string `json:"error,omitempty"`
}

func main() {
	var texts []string
	if err := json.NewDecoder(os.Stdin).Decode(&texts); err != nil {
		log.Fatal(err)
	}
	answers := make([]map[string]answer, len(texts))
	for at, text := range texts {
		answers[at] = map[string]answer{}
		for name, read := range readers {
			answers[at][name] = ask(read, text)
		}
	}
	if err := json.NewEncoder(os.Stdout).Encode(answers); err != nil {
		log.Fatal(err)
	}
}

func ask(read func(string) ([]any, error), text string) (answered answer) {
	defer func() {
		if panicked := recover(); panicked != nil {
			answered = answer{Error: fmt.Sprintf("panic: %v", panicked)}
		}
	}()
	documents, err := read(text)
	if err != nil {
		return answer{Error: err.Error()}
	}
	for at := range documents {
		documents[at] = expand(read, documents[at])
	}
	return answer{Documents: documents}
}

// sigs.k8s.io/yaml takes one document and no separator.
func readHelm(text string) ([]any, error) {
	documents := []any{}
	for _, part := range separator.Split(strings.TrimPrefix(text, "\ufeff"), -1) {
		var document any
		if err := sigs.Unmarshal([]byte(part), &document); err != nil {
			return nil, err
		}
		if document != nil {
			documents = append(documents, document)
		}
	}
	return documents, nil
}

func readKustomize(text string) ([]any, error) {
	return decode(yaml.NewDecoder(strings.NewReader(text)))
}

func readGoccy(text string) ([]any, error) {
	return decode(goccy.NewDecoder(strings.NewReader(text)))
}

func decode(decoder interface{ Decode(any) error }) ([]any, error) {
	documents := []any{}
	for {
		var document any
		err := decoder.Decode(&document)
		if err == io.EOF {
			return documents, nil
		}
		if err != nil {
			return nil, err
		}
		if document != nil {
			documents = append(documents, plain(document))
		}
	}
}

// plain gives maps the keys that JSON wants.
func plain(value any) any {
	switch value := value.(type) {
	case map[any]any:
		object := map[string]any{}
		for key, inner := range value {
			object[fmt.Sprint(key)] = plain(inner)
		}
		return object
	case map[string]any:
		for key, inner := range value {
			value[key] = plain(inner)
		}
		return value
	case []any:
		for at, inner := range value {
			value[at] = plain(inner)
		}
		return value
	case float64:
		if _, err := json.Marshal(value); err != nil { // .inf and .nan
			return fmt.Sprint(value)
		}
	}
	return value
}

// expand reads the YAML inside of strings.
func expand(read func(string) ([]any, error), value any) any {
	switch value := value.(type) {
	case map[string]any:
		for key, inner := range value {
			value[key] = expand(read, inner)
		}
	case []any:
		for at, inner := range value {
			value[at] = expand(read, inner)
		}
	case string:
		if !strings.Contains(value, "\n") {
			return value
		}
		documents, err := read(value)
		if err != nil || len(documents) != 1 {
			return value
		}
		if object, ok := documents[0].(map[string]any); ok {
			return object
		}
	}
	return value
}
