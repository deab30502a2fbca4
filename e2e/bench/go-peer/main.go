// The other side of the discovery benchmarks: a server on go-control-plane's Linear cache, and clients that are the same for
// every server. All are driven by lines on standard input and answer with lines of JSON.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
)

func say(value any) {
	line, err := json.Marshal(value)
	if err != nil {
		fail(err)
	}
	fmt.Println(string(line))
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func number(text string) int {
	value, err := strconv.Atoi(text)
	if err != nil {
		fail(err)
	}
	return value
}

func main() {
	arguments := os.Args[1:]
	switch {
	case len(arguments) == 2 && arguments[0] == "serve":
		fail(serve(number(arguments[1])))
	case len(arguments) == 4 && arguments[0] == "streams":
		fail(streams(arguments[1], number(arguments[2]), number(arguments[3])))
	default:
		fail(fmt.Errorf("usage: serve SERVICES | streams ADDRESS STREAMS SERVICES"))
	}
}
