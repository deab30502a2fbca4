package server

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Web answers HTTP. What a test wants otherwise it says in the query:
//
//	status=503           another status
//	delay=2s             wait before the answer
//	bytes=1000000        so many bytes instead of JSON
//	header=Name:value    a response header; may be repeated
//	failures=2           503 for the first two requests with this x-request-id, as a retry is told by it
//	abort=1              cut the connection instead of an answer
type Web struct {
	identity Identity
	draining *atomic.Bool
	failed   counts
}

// ServeHTTP knows two paths of its own; all others echo.
func (w *Web) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == "/healthz":
		fmt.Fprintln(out, "ok")
	case r.URL.Path == "/readyz":
		w.ready(out)
	case strings.EqualFold(r.Header.Get("Upgrade"), "websocket"):
		w.websocket(out, r)
	default:
		w.echo(out, r)
	}
}

func (w *Web) ready(out http.ResponseWriter) {
	if w.draining.Load() {
		http.Error(out, "draining", http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(out, "ok")
}

func (w *Web) echo(out http.ResponseWriter, r *http.Request) {
	answer, err := seen(w.identity, r)
	if err != nil {
		return // the client is gone
	}
	want, err := wishes(r.URL.RawQuery)
	if err != nil {
		http.Error(out, err.Error(), http.StatusBadRequest)
		return
	}
	if !pause(r, want.delay) {
		return
	}
	if want.abort {
		panic(http.ErrAbortHandler)
	}
	if w.failed.next(r.Header.Get("X-Request-Id")) <= want.failures {
		want.status = http.StatusServiceUnavailable
	}
	if w.draining.Load() {
		out.Header().Set("Connection", "close") // HTTP/2: GOAWAY
	}
	want.send(out, answer)
}

// pause says whether the client is still there.
func pause(r *http.Request, delay time.Duration) bool {
	if delay == 0 {
		return true
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.Context().Done():
		return false
	}
}

type wish struct {
	status, bytes, failures int
	delay                   time.Duration
	headers                 [][2]string
	abort                   bool
}

const maximumBytes = 1 << 30

func wishes(raw string) (wish, error) {
	query, err := url.ParseQuery(raw)
	if err != nil {
		return wish{status: http.StatusOK}, nil // somebody's query, not a wish of a test
	}
	w := wish{abort: query.Has("abort")}
	for _, each := range []struct {
		name                  string
		into                  *int
		least, most, fallback int
	}{
		{"status", &w.status, 200, 599, http.StatusOK}, {"bytes", &w.bytes, 0, maximumBytes, -1}, {"failures", &w.failures, 0, 100, 0},
	} {
		if *each.into, err = number(query, each.name, each.least, each.most, each.fallback); err != nil {
			return w, err
		}
	}
	if text := query.Get("delay"); text != "" {
		if w.delay, err = time.ParseDuration(text); err != nil || w.delay < 0 {
			return w, fmt.Errorf("delay=%s: not a duration", text)
		}
	}
	for _, header := range query["header"] {
		name, value, found := strings.Cut(header, ":")
		if !found {
			return w, fmt.Errorf("header=%s: not Name:value", header)
		}
		w.headers = append(w.headers, [2]string{name, strings.TrimSpace(value)})
	}
	return w, nil
}

func number(query url.Values, name string, least, most, fallback int) (int, error) {
	text := query.Get(name)
	if text == "" {
		return fallback, nil
	}
	value, err := strconv.Atoi(text)
	if err != nil || value < least || value > most {
		return 0, fmt.Errorf("%s=%s: not a number from %d to %d", name, text, least, most)
	}
	return value, nil
}

func (w wish) send(out http.ResponseWriter, answer Seen) {
	kind, body, length := "application/json", io.Reader(nil), w.bytes
	if w.bytes >= 0 {
		kind, body = "application/octet-stream", io.LimitReader(zeros{}, int64(w.bytes))
	} else {
		text := encode(answer)
		body, length = bytes.NewReader(text), len(text)
	}
	out.Header().Set("Content-Type", kind)
	out.Header().Set("Content-Length", strconv.Itoa(length))
	for _, header := range w.headers {
		out.Header().Add(header[0], header[1])
	}
	out.WriteHeader(w.status)
	_, _ = io.Copy(out, body) // it fails where the client went away, who is the only one to tell
}

// zeros reads without end.
type zeros struct{}

func (zeros) Read(into []byte) (int, error) {
	clear(into)
	return len(into), nil
}

// encode gives a line; nothing in Seen can fail to encode.
func encode(answer any) []byte {
	text, err := json.Marshal(answer)
	if err != nil {
		panic(err)
	}
	return append(text, '\n')
}

// counts is how often a request was seen, for the last few thousand.
type counts struct {
	mutex sync.Mutex
	seen  map[string]int
}

const remembered = 10_000

func (c *counts) next(id string) int {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.seen == nil || len(c.seen) > remembered {
		c.seen = map[string]int{}
	}
	c.seen[id]++
	return c.seen[id]
}
