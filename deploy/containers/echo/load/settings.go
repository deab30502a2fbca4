package load

import (
	"errors"
	"flag"
	"fmt"
	"net/http"
	"strings"
	"time"
)

const (
	mostConnections = 1000
	mostRequests    = 10_000_000
	longest         = 30 * time.Minute
)

// Settings are bounded, so that a load that was forgotten ends by itself.
type Settings struct {
	url, address, source, sni, host, method string
	connections, requests, bytes            int
	rps                                     float64
	duration, timeout                       time.Duration
	http2, fresh                            bool
	headers                                 http.Header
}

func readSettings(arguments []string) (Settings, error) {
	s := Settings{headers: http.Header{}}
	flags := flag.NewFlagSet("echo load", flag.ContinueOnError)
	flags.StringVar(&s.url, "url", "", "what to ask for")
	flags.StringVar(&s.address, "address", "", "host:port to connect to, whatever the URL says")
	flags.StringVar(&s.source, "source", "", "the client's own address")
	flags.StringVar(&s.sni, "sni", "", "server name in TLS, whatever the URL says")
	flags.StringVar(&s.host, "host", "", "Host header, whatever the URL says")
	flags.StringVar(&s.method, "method", http.MethodGet, "request method; POST is never repeated by the client's transport")
	flags.IntVar(&s.connections, "connections", 8, "how many requests at once, each on its own connection (HTTP/1.1)")
	flags.IntVar(&s.requests, "requests", mostRequests, "the end, after so many requests")
	flags.IntVar(&s.bytes, "body", 0, "size of the request's body")
	flags.Float64Var(&s.rps, "rps", 0, "requests per second (open loop); 0: as fast as answers come (closed loop)")
	flags.DurationVar(&s.duration, "duration", 10*time.Second, "the end, after so long a time")
	flags.DurationVar(&s.timeout, "timeout", 30*time.Second, "of one request")
	flags.BoolVar(&s.http2, "http2", false, "HTTP/2, with prior knowledge where the URL has no TLS")
	flags.BoolVar(&s.fresh, "fresh", false, "a new connection for every request")
	flags.Func("header", "`Name:value`; may be repeated", func(text string) error {
		name, value, found := strings.Cut(text, ":")
		if !found {
			return fmt.Errorf("%q is not Name:value", text)
		}
		s.headers.Add(name, strings.TrimSpace(value))
		return nil
	})
	if err := flags.Parse(arguments); err != nil {
		return s, err
	}
	return s, s.validate()
}

func (s Settings) validate() error {
	var errs []error
	if s.url == "" {
		errs = append(errs, errors.New("-url is missing"))
	}
	if s.connections < 1 || s.connections > mostConnections {
		errs = append(errs, fmt.Errorf("-connections: not from 1 to %d", mostConnections))
	}
	if s.requests < 1 || s.requests > mostRequests {
		errs = append(errs, fmt.Errorf("-requests: not from 1 to %d", mostRequests))
	}
	if s.duration <= 0 || s.duration > longest {
		errs = append(errs, fmt.Errorf("-duration: at most %s", longest))
	}
	if s.rps < 0 || s.timeout <= 0 || s.bytes < 0 {
		errs = append(errs, errors.New("-rps, -timeout and -body must not be negative"))
	}
	return errors.Join(errs...)
}
