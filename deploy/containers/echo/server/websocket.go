package server

import (
	"net/http"

	"github.com/coder/websocket"
)

// websocket sends what it saw of the request as the first message, then each message back as it came.
func (w *Web) websocket(out http.ResponseWriter, r *http.Request) {
	answer, err := seen(w.identity, r)
	if err != nil {
		return
	}
	connection, err := websocket.Accept(out, r, &websocket.AcceptOptions{InsecureSkipVerify: true}) // any origin
	if err != nil {
		return // Accept has answered
	}
	defer connection.CloseNow()
	connection.SetReadLimit(1 << 24)
	if connection.Write(r.Context(), websocket.MessageText, encode(answer)) != nil {
		return
	}
	for {
		kind, message, err := connection.Read(r.Context())
		if err != nil || connection.Write(r.Context(), kind, message) != nil {
			return
		}
	}
}
