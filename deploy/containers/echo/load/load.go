// Package load asks one URL again and again, for a bounded time, and counts what came of it.
package load

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync"
	"time"
)

// Load is what to do: closed loop (each connection asks again at once) without a rate, open loop with one.
type Load struct {
	settings Settings
	client   *http.Client
	tally    *tally
	started  func()
	once     sync.Once
}

// Main runs until the duration, the number of requests or ctx ends. It prints the line `started` at the first answer, and the summary
// as JSON at the end. A signal is a good end: whoever waits for an event in the meantime does not know how long it takes.
func Main(ctx context.Context, arguments []string, out io.Writer) error {
	settings, err := readSettings(arguments)
	if err != nil {
		return err
	}
	l := &Load{settings: settings, client: newClient(settings), tally: newTally(), started: func() { fmt.Fprintln(out, "started") }}
	l.run(ctx)
	return json.NewEncoder(out).Encode(l.tally.summary())
}

func (l *Load) run(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, l.settings.duration)
	defer cancel()
	due := l.schedule(ctx)
	var workers sync.WaitGroup
	for range l.settings.connections {
		workers.Go(func() {
			for scheduled := range due {
				l.one(scheduled)
			}
		})
	}
	workers.Wait()
}

// schedule gives the time at which each request should start; in a closed loop that is when it does. In an open loop, latency counts
// from then, so that a stall shows in all requests that it delayed.
func (l *Load) schedule(ctx context.Context) <-chan time.Time {
	due := make(chan time.Time)
	go func() {
		defer close(due)
		next := time.Now()
		for range l.settings.requests {
			if l.settings.rps > 0 {
				next = next.Add(time.Duration(float64(time.Second) / l.settings.rps))
				if !sleepUntil(ctx, next) {
					return
				}
			} else {
				next = time.Time{}
			}
			select {
			case due <- next:
			case <-ctx.Done():
				return
			}
		}
	}()
	return due
}

func sleepUntil(ctx context.Context, when time.Time) bool {
	wait := time.Until(when)
	if wait <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// one is not cut by the end of the load: a request that was begun is waited for.
func (l *Load) one(scheduled time.Time) {
	if scheduled.IsZero() {
		scheduled = time.Now()
	}
	connections := 0
	trace := &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) {
		connections++
		if !info.Reused {
			l.tally.connected()
		}
	}}
	ctx, cancel := context.WithTimeout(httptrace.WithClientTrace(context.Background(), trace), l.settings.timeout)
	defer cancel()
	status, pod, err := l.ask(ctx)
	l.tally.add(result{at: time.Now(), latency: time.Since(scheduled), status: status, pod: pod, err: reason(err), retried: connections > 1})
	if err == nil {
		l.once.Do(l.started)
	}
}

func (l *Load) ask(ctx context.Context) (int, string, error) {
	var body io.Reader
	if l.settings.bytes > 0 {
		body = strings.NewReader(strings.Repeat("x", l.settings.bytes))
	}
	request, err := http.NewRequestWithContext(ctx, l.settings.method, l.settings.url, body)
	if err != nil {
		return 0, "", err
	}
	request.Header = l.settings.headers.Clone()
	if l.settings.host != "" {
		request.Host = l.settings.host
	}
	response, err := l.client.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, "", fmt.Errorf("body: %w", err)
	}
	return response.StatusCode, podOf(text), nil
}

func podOf(body []byte) string {
	var answer struct {
		Pod string `json:"pod"`
	}
	if json.Unmarshal(body, &answer) != nil {
		return "" // not an echo that answers, or only so many bytes
	}
	return answer.Pod
}

// reason is an error without the parts that make each unlike the others.
func reason(err error) string {
	switch {
	case err == nil:
		return ""
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	}
	var dial *net.OpError
	if errors.As(err, &dial) {
		return fmt.Sprintf("%s: %v", dial.Op, dial.Err)
	}
	for unwrapped := errors.Unwrap(err); unwrapped != nil; unwrapped = errors.Unwrap(err) {
		err = unwrapped
	}
	return err.Error()
}

func newClient(settings Settings) *http.Client {
	dialer := &net.Dialer{Timeout: settings.timeout}
	if settings.source != "" {
		dialer.LocalAddr = &net.TCPAddr{IP: net.ParseIP(settings.source)}
	}
	protocols := &http.Protocols{}
	protocols.SetHTTP1(!settings.http2)
	protocols.SetHTTP2(settings.http2)
	protocols.SetUnencryptedHTTP2(settings.http2)
	transport := &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			if settings.address != "" {
				address = settings.address
			}
			return dialer.DialContext(ctx, network, address)
		},
		TLSClientConfig:     &tls.Config{InsecureSkipVerify: true, ServerName: settings.sni}, // the certificate is not what is tested
		Protocols:           protocols,
		DisableKeepAlives:   settings.fresh,
		DisableCompression:  true,
		MaxIdleConnsPerHost: settings.connections,
		MaxConnsPerHost:     settings.connections,
	}
	never := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &http.Client{Transport: transport, CheckRedirect: never}
}
