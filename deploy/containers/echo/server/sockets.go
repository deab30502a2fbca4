package server

import (
	"errors"
	"io"
	"net"
	"sync"
)

// streams answers TCP: one line of JSON, then all bytes as they come.
type streams struct {
	identity Identity
	open     sync.WaitGroup
}

func (s *streams) serve(listener net.Listener) error {
	for {
		connection, err := listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return err
		}
		s.open.Go(func() { s.echo(connection) })
	}
}

func (s *streams) echo(connection net.Conn) {
	defer connection.Close()
	seen := Seen{Identity: s.identity, Protocol: "TCP", Source: connection.RemoteAddr().String(), Local: connection.LocalAddr().String()}
	if _, err := connection.Write(encode(seen)); err == nil {
		_, _ = io.Copy(connection, connection) // until either end has enough
	}
}

// datagrams answers UDP: for each datagram one of JSON with its text.
func datagrams(identity Identity, socket net.PacketConn) error {
	buffer := make([]byte, 1<<16)
	for {
		length, from, err := socket.ReadFrom(buffer)
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return err
		}
		answer := struct {
			Seen
			Payload string `json:"payload"`
		}{Seen{Identity: identity, Protocol: "UDP", Source: from.String(), Local: socket.LocalAddr().String()}, string(buffer[:length])}
		if _, err := socket.WriteTo(encode(answer), from); err != nil && errors.Is(err, net.ErrClosed) {
			return nil // any other error is of this one peer
		}
	}
}
