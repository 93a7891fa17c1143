// Reads Kubernetes manifests (YAML documents) from standard input and decodes each strictly into the type of its kind, as
// an API server does that was told to validate strictly: an unknown or doubled field or a value of the wrong type is an
// error. Prints one line for each; exits 1 when there is any. What a kind requires, it does not know.
package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/serializer/json"
	yamlreader "k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/yaml"
)

var known = json.NewSerializerWithOptions(json.DefaultMetaFactory, scheme.Scheme, scheme.Scheme,
	json.SerializerOptions{Yaml: true, Strict: true})

type header struct {
	metav1.TypeMeta `json:",inline"`
	Metadata        struct {
		Name string `json:"name"`
	} `json:"metadata"`
}

func main() {
	documents := yamlreader.NewYAMLReader(bufio.NewReader(os.Stdin))
	failed := false
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = decode(document)
		}
		if err != nil {
			failed = true
			fmt.Println(err)
		}
	}
	if failed {
		os.Exit(1)
	}
}

func decode(document []byte) error {
	var head header
	if err := yaml.Unmarshal(document, &head); err != nil {
		return fmt.Errorf("not YAML: %w\n%s", err, bytes.TrimSpace(document))
	}
	if head.Kind == "" {
		// Only comments: Helm prints the name of a template that rendered to nothing.
		return nil
	}
	if err := decodeAs(head, document); err != nil {
		return fmt.Errorf("%s %s: %w", head.Kind, head.Metadata.Name, err)
	}
	return nil
}

func decodeAs(head header, document []byte) error {
	if newResource, isCustom := customResources[head.APIVersion+"/"+head.Kind]; isCustom {
		return yaml.UnmarshalStrict(document, newResource())
	}
	_, _, err := known.Decode(document, nil, nil)
	return err
}
