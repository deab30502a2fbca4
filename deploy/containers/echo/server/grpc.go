package server

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/structpb"
)

// Service is the gRPC service: Call answers once, Stream `count` times (10) every `interval` ("0s"). Both take and give a
// google.protobuf.Struct, so no client needs generated code. `code` in the request is the status to answer with.
// Metadata whose name begins with `echo-` comes back as headers.
const Service = "tulle.echo.v1.Echo"

const mostMessages = 1_000_000

type caller struct{ identity Identity }

func newGRPC(identity Identity) (*grpc.Server, *health.Server) {
	server := grpc.NewServer()
	server.RegisterService(&grpc.ServiceDesc{
		ServiceName: Service,
		HandlerType: (*any)(nil),
		Methods:     []grpc.MethodDesc{{MethodName: "Call", Handler: call}},
		Streams:     []grpc.StreamDesc{{StreamName: "Stream", Handler: stream, ServerStreams: true}},
	}, caller{identity})
	checks := health.NewServer()
	grpc_health_v1.RegisterHealthServer(server, checks)
	return server, checks
}

func call(service any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
	request := &structpb.Struct{}
	if err := decode(request); err != nil {
		return nil, err
	}
	if err := refusal(request); err != nil {
		return nil, err
	}
	if err := grpc.SetHeader(ctx, returned(ctx)); err != nil {
		return nil, err
	}
	return service.(caller).answer(ctx, "Call", request, 0)
}

func stream(service any, out grpc.ServerStream) error {
	request := &structpb.Struct{}
	if err := out.RecvMsg(request); err != nil {
		return err
	}
	count, interval, err := pace(request)
	if err != nil {
		return err
	}
	if err := out.SendHeader(returned(out.Context())); err != nil {
		return err
	}
	ticker := time.NewTicker(max(interval, 1))
	defer ticker.Stop()
	for i := range count {
		if i > 0 && interval > 0 {
			select {
			case <-ticker.C:
			case <-out.Context().Done():
				return out.Context().Err()
			}
		}
		answer, err := service.(caller).answer(out.Context(), "Stream", request, i)
		if err != nil {
			return err
		}
		if err := out.SendMsg(answer); err != nil {
			return err
		}
	}
	return refusal(request)
}

func pace(request *structpb.Struct) (int, time.Duration, error) {
	count, interval := 10, time.Duration(0)
	if value, ok := request.Fields["count"]; ok {
		count = int(value.GetNumberValue())
	}
	if count < 0 || count > mostMessages {
		return 0, 0, status.Errorf(codes.InvalidArgument, "count: not from 0 to %d", mostMessages)
	}
	if value, ok := request.Fields["interval"]; ok {
		parsed, err := time.ParseDuration(value.GetStringValue())
		if err != nil || parsed < 0 {
			return 0, 0, status.Error(codes.InvalidArgument, "interval: not a duration")
		}
		interval = parsed
	}
	return count, interval, nil
}

func refusal(request *structpb.Struct) error {
	if value, ok := request.Fields["code"]; ok {
		return status.Error(codes.Code(value.GetNumberValue()), "as you wish")
	}
	return nil
}

func returned(ctx context.Context) metadata.MD {
	back := metadata.MD{}
	given, _ := metadata.FromIncomingContext(ctx)
	for name, values := range given {
		if len(name) > 5 && name[:5] == "echo-" {
			back[name] = values
		}
	}
	return back
}

func (c caller) answer(ctx context.Context, method string, request *structpb.Struct, index int) (*structpb.Struct, error) {
	given, _ := metadata.FromIncomingContext(ctx)
	host := ""
	if authority := given.Get(":authority"); len(authority) > 0 {
		host = authority[0]
	}
	seen := Seen{
		Identity: c.identity, Protocol: "gRPC", Method: "POST", Path: fmt.Sprintf("/%s/%s", Service, method), Host: host, Headers: joined(given),
	}
	if from, ok := peer.FromContext(ctx); ok {
		seen.Source, seen.Local = from.Addr.String(), from.LocalAddr.String()
	}
	fields := map[string]any{}
	if err := json.Unmarshal(encode(seen), &fields); err != nil {
		return nil, err
	}
	fields["request"], fields["index"] = request.AsMap(), index
	return structpb.NewStruct(fields)
}
