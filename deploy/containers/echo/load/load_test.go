package load

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func run(t *testing.T, ctx context.Context, arguments ...string) Summary {
	t.Helper()
	var out bytes.Buffer
	if err := Main(ctx, arguments, &out); err != nil {
		t.Fatal(err)
	}
	text := strings.TrimPrefix(out.String(), "started\n")
	var sum Summary
	if err := json.Unmarshal([]byte(text), &sum); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return sum
}

func TestStatusesAndPodsAreCounted(t *testing.T) {
	var number atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, _ *http.Request) {
		if number.Add(1)%5 == 0 {
			out.WriteHeader(503)
		}
		_, _ = io.WriteString(out, `{"pod": "a"}`)
	}))
	defer server.Close()
	sum := run(t, t.Context(), "-url", server.URL, "-requests", "100", "-connections", "4")
	if sum.Requests != 100 || sum.Statuses[200] != 80 || sum.Statuses[503] != 20 || sum.Pods["a"] != 100 || len(sum.Errors) != 0 {
		t.Errorf("unexpected: %+v", sum)
	}
	if sum.Connections < 1 || sum.Connections > 4 || len(sum.Failures) != 20 || sum.Latency.Max <= 0 {
		t.Errorf("unexpected: %+v", sum)
	}
}

func TestACutConnectionIsAnErrorAndIsNotRepeated(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	defer server.Close()
	sum := run(t, t.Context(), "-url", server.URL, "-requests", "5", "-connections", "1", "-method", "POST")
	total := 0
	for _, count := range sum.Errors {
		total += count
	}
	if total != 5 || sum.Connections != 5 || sum.Retried != 0 {
		t.Errorf("unexpected: %+v", sum)
	}
}

func TestAFreshConnectionForEveryRequest(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer server.Close()
	if sum := run(t, t.Context(), "-url", server.URL, "-requests", "10", "-fresh"); sum.Connections != 10 {
		t.Errorf("unexpected: %+v", sum)
	}
}

func TestAnOpenLoopKeepsItsRateAndCountsTheWait(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { time.Sleep(20 * time.Millisecond) }))
	defer server.Close()
	sum := run(t, t.Context(), "-url", server.URL, "-requests", "20", "-rps", "1000", "-connections", "1")
	if sum.Latency.Max < 300 { // the last one is due after 20 ms and answered after 400
		t.Errorf("unexpected: %+v", sum.Latency)
	}
}

func TestASignalEndsItWithASummary(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer server.Close()
	ctx, stop := context.WithCancel(t.Context())
	reader, writer := io.Pipe()
	go func() { _ = writer.CloseWithError(Main(ctx, []string{"-url", server.URL, "-duration", "1m"}, writer)) }()
	lines := bufio.NewReader(reader)
	if line, err := lines.ReadString('\n'); line != "started\n" {
		t.Fatalf("%q %v", line, err)
	}
	stop()
	var sum Summary
	if err := json.NewDecoder(lines).Decode(&sum); err != nil || sum.Requests == 0 || len(sum.Errors) != 0 {
		t.Errorf("%+v %v", sum, err)
	}
}

func TestBoundsAreKept(t *testing.T) {
	err := Main(t.Context(), []string{"-connections", "0", "-duration", "31m"}, io.Discard)
	if err == nil {
		t.Fatal("accepted")
	}
	for _, part := range []string{"-url", "-connections", "-duration"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%s is not named in %q", part, err)
		}
	}
}
