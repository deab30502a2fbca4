package server

import (
	"bufio"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/structpb"
)

const loopback = "127.0.0.1:0"

func start(t *testing.T) *Server {
	t.Helper()
	s, err := Start(Settings{
		HTTP: loopback, HTTPS: loopback, GRPC: loopback, TCP: loopback, UDP: loopback, Drain: 5 * time.Second,
		Identity: Identity{Pod: "echo-1", Namespace: "shop", Node: "n1", Cluster: "east"},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Stop() })
	return s
}

func client(http2 bool, sni string) *http.Client {
	protocols := &http.Protocols{}
	protocols.SetHTTP1(!http2)
	protocols.SetHTTP2(http2)
	protocols.SetUnencryptedHTTP2(http2)
	config := &tls.Config{InsecureSkipVerify: true, ServerName: sni}
	return &http.Client{Transport: &http.Transport{Protocols: protocols, TLSClientConfig: config, DisableCompression: true}}
}

func get(t *testing.T, c *http.Client, request *http.Request) (*http.Response, Seen) {
	t.Helper()
	response, err := c.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var seen Seen
	if err := json.NewDecoder(response.Body).Decode(&seen); err != nil {
		t.Fatal(err)
	}
	return response, seen
}

func request(t *testing.T, method, url, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestARequestComesBackAsItArrived(t *testing.T) {
	s := start(t)
	r := request(t, "PUT", "http://"+s.Addresses["http"].String()+"/a/../b%2Fc//d?x=1&y=%20", "hello")
	r.Host, r.Header["X-Two"] = "shop.example:81", []string{"1", "2"}
	_, seen := get(t, client(false, ""), r)
	digest := sha256.Sum256([]byte("hello"))
	for what, pair := range map[string][2]string{
		"protocol": {"HTTP/1.1", seen.Protocol}, "method": {"PUT", seen.Method}, "path": {"/a/../b%2Fc//d", seen.Path}, "scheme": {"http", seen.Scheme},
		"query": {"x=1&y=%20", seen.Query}, "host": {"shop.example:81", seen.Host}, "header": {"1, 2", seen.Headers["X-Two"]},
		"sha256": {hex.EncodeToString(digest[:]), seen.Body.SHA256}, "pod": {"echo-1", seen.Pod}, "node": {"n1", seen.Node}, "cluster": {"east", seen.Cluster},
		"namespace": {"shop", seen.Namespace}, "local": {s.Addresses["http"].String(), seen.Local},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s: expected %q, got %q", what, pair[0], pair[1])
		}
	}
	if seen.TLS != nil || seen.Body.Length != 5 || !strings.HasPrefix(seen.Source, "127.0.0.1:") {
		t.Errorf("unexpected: %+v", seen)
	}
}

func TestHTTP2WithoutTLS(t *testing.T) {
	s := start(t)
	_, seen := get(t, client(true, ""), request(t, "GET", "http://"+s.Addresses["http"].String()+"/", ""))
	if seen.Protocol != "HTTP/2.0" {
		t.Errorf("protocol: %s", seen.Protocol)
	}
}

func TestTheHandshakeIsShown(t *testing.T) {
	s := start(t)
	for http2, alpn := range map[bool]string{true: "h2", false: ""} {
		_, seen := get(t, client(http2, "tls.example"), request(t, "GET", "https://"+s.Addresses["https"].String()+"/", ""))
		if seen.TLS == nil || seen.TLS.SNI != "tls.example" || seen.TLS.Version != "TLS 1.3" || seen.TLS.ALPN != alpn || seen.Scheme != "https" {
			t.Errorf("expected ALPN %q, got %+v", alpn, seen.TLS)
		}
	}
}

func TestWishesInTheQuery(t *testing.T) {
	s := start(t)
	base := "http://" + s.Addresses["http"].String() + "/"
	c := client(false, "")
	if response, _ := get(t, c, request(t, "GET", base+"?status=503&header=X-A:1&header=X-A:2", "")); response.StatusCode != 503 || len(response.Header["X-A"]) != 2 {
		t.Errorf("status %d, headers %v", response.StatusCode, response.Header)
	}
	response, err := c.Get(base + "?bytes=100000")
	if err != nil {
		t.Fatal(err)
	}
	if body, _ := io.ReadAll(response.Body); len(body) != 100000 {
		t.Errorf("%d bytes", len(body))
	}
	begin := time.Now()
	get(t, c, request(t, "GET", base+"?delay=100ms", ""))
	if time.Since(begin) < 100*time.Millisecond {
		t.Error("no delay")
	}
	for _, wrong := range []string{"status=99", "bytes=-1", "delay=soon", "header=x"} {
		if response, err := c.Get(base + "?" + wrong); err != nil || response.StatusCode != 400 {
			t.Errorf("%s: %v %v", wrong, response, err)
		}
	}
	if _, err := c.Post(base+"?abort", "", nil); err == nil {
		t.Error("abort: there was an answer")
	}
}

func TestTheFirstTriesOfOneRequestFail(t *testing.T) {
	s := start(t)
	for _, want := range []int{503, 503, 200} {
		r := request(t, "GET", "http://"+s.Addresses["http"].String()+"/?failures=2", "")
		r.Header.Set("X-Request-Id", "a")
		if response, _ := get(t, client(false, ""), r); response.StatusCode != want {
			t.Errorf("expected %d, got %d", want, response.StatusCode)
		}
	}
}

func TestWebSocketEchoes(t *testing.T) {
	s := start(t)
	connection, _, err := websocket.Dial(t.Context(), "ws://"+s.Addresses["http"].String()+"/chat", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer connection.CloseNow()
	_, first, err := connection.Read(t.Context())
	if err != nil || !strings.Contains(string(first), `"path":"/chat"`) {
		t.Fatalf("%s %v", first, err)
	}
	if err := connection.Write(t.Context(), websocket.MessageBinary, []byte("ping")); err != nil {
		t.Fatal(err)
	}
	if kind, message, err := connection.Read(t.Context()); err != nil || kind != websocket.MessageBinary || string(message) != "ping" {
		t.Errorf("%v %s %v", kind, message, err)
	}
}

func dial(t *testing.T, s *Server) *grpc.ClientConn {
	t.Helper()
	connection, err := grpc.NewClient(s.Addresses["grpc"].String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close() })
	return connection
}

func TestGRPCCallReturnsRequestAndMetadata(t *testing.T) {
	connection := dial(t, start(t))
	ctx := metadata.AppendToOutgoingContext(t.Context(), "echo-color", "blue", "other", "x")
	asked, _ := structpb.NewStruct(map[string]any{"name": "me"})
	answer, headers := &structpb.Struct{}, metadata.MD{}
	if err := connection.Invoke(ctx, "/"+Service+"/Call", asked, answer, grpc.Header(&headers)); err != nil {
		t.Fatal(err)
	}
	fields := answer.AsMap()
	if fields["pod"] != "echo-1" || fields["request"].(map[string]any)["name"] != "me" || fields["headers"].(map[string]any)["other"] != "x" {
		t.Errorf("unexpected: %v", fields)
	}
	if got := headers.Get("echo-color"); len(got) != 1 || got[0] != "blue" || len(headers.Get("other")) != 0 {
		t.Errorf("unexpected: %v", headers)
	}
	refused, _ := structpb.NewStruct(map[string]any{"code": 14})
	if err := connection.Invoke(ctx, "/"+Service+"/Call", refused, answer); status.Code(err) != codes.Unavailable {
		t.Errorf("unexpected: %v", err)
	}
}

func TestGRPCStreamCounts(t *testing.T) {
	connection := dial(t, start(t))
	stream, err := connection.NewStream(t.Context(), &grpc.StreamDesc{ServerStreams: true}, "/"+Service+"/Stream")
	if err != nil {
		t.Fatal(err)
	}
	asked, _ := structpb.NewStruct(map[string]any{"count": 3, "interval": "1ms"})
	if err := stream.SendMsg(asked); err != nil {
		t.Fatal(err)
	}
	_ = stream.CloseSend()
	count := 0
	for ; ; count++ {
		answer := &structpb.Struct{}
		if err := stream.RecvMsg(answer); err == io.EOF {
			break
		} else if err != nil || answer.AsMap()["index"] != float64(count) {
			t.Fatalf("%v %v", answer, err)
		}
	}
	if count != 3 {
		t.Errorf("%d messages", count)
	}
}

func TestTCPSaysWhoAndEchoes(t *testing.T) {
	connection, err := net.Dial("tcp", start(t).Addresses["tcp"].String())
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	lines := bufio.NewReader(connection)
	first, err := lines.ReadString('\n')
	if err != nil || !strings.Contains(first, `"protocol":"TCP"`) || !strings.Contains(first, connection.LocalAddr().String()) {
		t.Fatalf("%s %v", first, err)
	}
	_, _ = connection.Write([]byte("again\n"))
	if text, err := lines.ReadString('\n'); text != "again\n" {
		t.Errorf("%q %v", text, err)
	}
}

func TestUDPAnswersEachDatagram(t *testing.T) {
	connection, err := net.Dial("udp", start(t).Addresses["udp"].String())
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	_, _ = connection.Write([]byte("hello"))
	answer := make([]byte, 4096)
	_ = connection.SetReadDeadline(time.Now().Add(5 * time.Second))
	length, err := connection.Read(answer)
	if err != nil || !strings.Contains(string(answer[:length]), `"payload":"hello"`) {
		t.Errorf("%s %v", answer[:length], err)
	}
}

func TestADrainingServerIsNotReadyButAnswersWhatIsOpen(t *testing.T) {
	s, err := Start(Settings{HTTP: loopback, HTTPS: loopback, GRPC: loopback, TCP: loopback, Grace: 300 * time.Millisecond, Drain: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	base, slow, stopped := "http://"+s.Addresses["http"].String(), make(chan int, 1), make(chan struct{})
	begun := make(chan struct{})
	go func() {
		close(begun)
		response, err := client(false, "").Get(base + "/?delay=500ms")
		if err != nil {
			slow <- 0
			return
		}
		slow <- response.StatusCode
	}()
	<-begun
	ctx, stop := context.WithCancel(t.Context())
	context.AfterFunc(ctx, func() { _ = s.Stop(); close(stopped) })
	stop()
	awaitNotReady(t, base)
	if response, err := client(false, "").Get(base + "/"); err != nil || response.StatusCode != 200 || !response.Close {
		t.Errorf("while draining: %v %v", response, err)
	}
	if got := <-slow; got != 200 {
		t.Errorf("the open request was answered with %d", got)
	}
	<-stopped
	if _, err := client(false, "").Get(base + "/"); err == nil {
		t.Error("it still listens")
	}
}

func awaitNotReady(t *testing.T, base string) {
	t.Helper()
	for {
		response, err := client(false, "").Get(base + "/readyz")
		if err != nil {
			t.Fatal(err)
		}
		if response.StatusCode == http.StatusServiceUnavailable {
			return
		}
	}
}
