// Loads Compose files as `docker compose config` does, with the same library and every profile, and prints the project as
// JSON. Variables come from the environment.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/compose-spec/compose-go/v2/cli"
)

func main() {
	options, err := cli.NewProjectOptions(os.Args[1:], cli.WithOsEnv, cli.WithProfiles([]string{"*"}))
	exitOn(err)
	project, err := options.LoadProject(context.Background())
	exitOn(err)
	text, err := json.Marshal(project)
	exitOn(err)
	fmt.Println(string(text))
}

func exitOn(err error) {
	if err == nil {
		return
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
