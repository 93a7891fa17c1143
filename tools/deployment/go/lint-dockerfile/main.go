// Lints a Dockerfile with BuildKit's own rules, as `docker build --check` does, without an engine or a registry.
// Prints one line for each warning; exits 1 when there is any, or when the file cannot be understood.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/containerd/platforms"
	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/client/llb/sourceresolver"
	"github.com/moby/buildkit/frontend/dockerfile/dockerfile2llb"
	"github.com/opencontainers/go-digest"
)

// What a registry would say of a base image; the rules need none of it.
const emptyImage = `{"architecture":"amd64","os":"linux","config":{}}`

type withoutRegistry struct{}

func (withoutRegistry) ResolveImageConfig(_ context.Context, ref string, _ sourceresolver.Opt) (string, digest.Digest, []byte, error) {
	return ref, digest.FromString(emptyImage), []byte(emptyImage), nil
}

func main() {
	path := os.Args[1]
	source, err := os.ReadFile(path)
	exitOn(err)
	ctx := context.Background()
	platform := platforms.MustParse("linux/amd64")
	// The linter quotes the definition of the context, so there has to be one.
	definition, err := llb.Local("context").Marshal(ctx)
	exitOn(err)
	sourceMap := llb.NewSourceMap(nil, path, "Dockerfile", source)
	sourceMap.Definition = definition

	results, err := dockerfile2llb.DockerfileLint(ctx, source, dockerfile2llb.ConvertOpt{
		SourceMap:      sourceMap,
		MetaResolver:   withoutRegistry{},
		TargetPlatform: &platform,
	})
	exitOn(err)
	if results.Error != nil {
		exitOn(fmt.Errorf("%s", results.Error.Message))
	}
	for _, warning := range results.Warnings {
		fmt.Printf("%s: %s\n", warning.RuleName, warning.Detail)
	}
	if len(results.Warnings) > 0 {
		os.Exit(1)
	}
}

func exitOn(err error) {
	if err == nil {
		return
	}
	fmt.Println(err)
	os.Exit(1)
}
