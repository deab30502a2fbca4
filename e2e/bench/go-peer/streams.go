package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strconv"
	"time"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// An arrival is one response of endpoints at one stream: how many resources, and how long after the newest was made.
type arrival struct {
	resources int
	took      time.Duration
}

// streams opens connections as so many Envoys would, says "ready" when all have everything, and then, for each change that
// has reached all of them, the milliseconds that it took to each.
func streams(address string, count, services int) error {
	arrivals := make(chan arrival, count*4)
	for i := range count {
		go func() { fail(stream(address, fmt.Sprintf("node-%d", i), services, arrivals)) }()
	}
	for left := count * services; left > 0; {
		left -= (<-arrivals).resources
	}
	say("ready")
	go func() { // the benchmark closes our input when it has seen enough
		_, _ = os.Stdin.Read(make([]byte, 1))
		os.Exit(0)
	}()
	for {
		took := make([]float64, count)
		for i := range count {
			took[i] = (<-arrivals).took.Seconds() * 1e3
		}
		say(map[string]any{"ms": took})
	}
}

func stream(address, node string, services int, arrivals chan<- arrival) error {
	connection, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(64<<20)))
	if err != nil {
		return err
	}
	client, err := discovery.NewAggregatedDiscoveryServiceClient(connection).DeltaAggregatedResources(context.Background())
	if err != nil {
		return err
	}
	if err := subscribe(client, node, services); err != nil {
		return err
	}
	for {
		response, err := client.Recv()
		if err != nil {
			return err
		}
		if response.TypeUrl == resource.EndpointType {
			arrivals <- arrival{len(response.Resources), age(response)}
		}
		acknowledgement := &discovery.DeltaDiscoveryRequest{TypeUrl: response.TypeUrl, ResponseNonce: response.Nonce}
		if err := client.Send(acknowledgement); err != nil {
			return err
		}
	}
}

type sender interface {
	Send(*discovery.DeltaDiscoveryRequest) error
}

func subscribe(client sender, node string, services int) error {
	names := make([]string, services)
	for i := range names {
		names[i] = service(i)
	}
	clusters := &discovery.DeltaDiscoveryRequest{Node: &core.Node{Id: node, Cluster: "bench"}, TypeUrl: resource.ClusterType}
	if err := client.Send(clusters); err != nil {
		return err
	}
	return client.Send(&discovery.DeltaDiscoveryRequest{TypeUrl: resource.EndpointType, ResourceNamesSubscribe: names})
}

// age is the time since the stamp in the last resource; it is not decoded, to keep the client light.
func age(response *discovery.DeltaDiscoveryResponse) time.Duration {
	if len(response.Resources) == 0 {
		return 0
	}
	body := response.Resources[len(response.Resources)-1].Resource.Value
	_, rest, _ := bytes.Cut(body, []byte("at="))
	stamp, _, _ := bytes.Cut(rest, []byte(";"))
	made, err := strconv.ParseInt(string(stamp), 10, 64)
	if err != nil {
		fail(err)
	}
	return time.Duration(time.Now().UnixNano() - made)
}
