package server

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"io"
	"net/http"
	"strings"
)

// Seen is a request as it arrived, and who answers.
type Seen struct {
	Identity
	Protocol string            `json:"protocol"`
	Scheme   string            `json:"scheme,omitempty"`
	Method   string            `json:"method,omitempty"`
	Host     string            `json:"host,omitempty"`
	Path     string            `json:"path,omitempty"`
	Query    string            `json:"query,omitempty"`
	Headers  map[string]string `json:"headers,omitempty"`
	TLS      *TLS              `json:"tls,omitempty"`
	Source   string            `json:"source"`
	Local    string            `json:"local,omitempty"`
	Body     *Body             `json:"body,omitempty"`
}

// TLS is what was agreed on in the handshake with whoever called us.
type TLS struct {
	SNI     string `json:"sni"`
	Version string `json:"version"`
	ALPN    string `json:"alpn"`
	Cipher  string `json:"cipher"`
}

// Body is a request's body, by its digest: it may be too big to be sent back.
type Body struct {
	Length int64  `json:"length"`
	SHA256 string `json:"sha256"`
}

func seen(identity Identity, r *http.Request) (Seen, error) {
	body, err := digest(r.Body)
	// RequestURI, not URL: a path is shown as it was sent, dots, escapes and all
	path, query, _ := strings.Cut(r.RequestURI, "?")
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	answer := Seen{
		Identity: identity, Protocol: r.Proto, Scheme: scheme, Method: r.Method, Host: r.Host, Path: path, Query: query,
		Headers: joined(r.Header), TLS: handshake(r.TLS), Source: r.RemoteAddr, Local: local(r), Body: body,
	}
	return answer, err
}

func digest(body io.Reader) (*Body, error) {
	hash := sha256.New()
	length, err := io.Copy(hash, body)
	if length == 0 {
		return nil, err
	}
	return &Body{length, hex.EncodeToString(hash.Sum(nil))}, err
}

// joined has several values of a header as one, which means the same.
func joined(headers map[string][]string) map[string]string {
	one := make(map[string]string, len(headers))
	for name, values := range headers {
		one[name] = strings.Join(values, ", ")
	}
	return one
}

func handshake(state *tls.ConnectionState) *TLS {
	if state == nil {
		return nil
	}
	return &TLS{state.ServerName, tls.VersionName(state.Version), state.NegotiatedProtocol, tls.CipherSuiteName(state.CipherSuite)}
}

func local(r *http.Request) string {
	if address, ok := r.Context().Value(http.LocalAddrContextKey).(interface{ String() string }); ok {
		return address.String()
	}
	return ""
}
