package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	cluster "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpoint "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/types"
	"github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"github.com/envoyproxy/go-control-plane/pkg/server/v3"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/durationpb"
)

func service(i int) string { return fmt.Sprintf("default/svc-%d:80", i) }

func newCluster(i int) *cluster.Cluster {
	ads := &core.ConfigSource{
		ResourceApiVersion:    core.ApiVersion_V3,
		ConfigSourceSpecifier: &core.ConfigSource_Ads{Ads: &core.AggregatedConfigSource{}},
	}
	return &cluster.Cluster{
		Name:                 service(i),
		ClusterDiscoveryType: &cluster.Cluster_Type{Type: cluster.Cluster_EDS},
		ConnectTimeout:       durationpb.New(time.Second),
		EdsClusterConfig:     &cluster.Cluster_EdsClusterConfig{EdsConfig: ads},
	}
}

// The host name carries the time of the change, so that a client can tell how old what it gets is.
func newEndpoints(i int, stamp int64) *endpoint.ClusterLoadAssignment {
	address := &core.Address{Address: &core.Address_SocketAddress{SocketAddress: &core.SocketAddress{
		Address:       fmt.Sprintf("10.%d.%d.%d", stamp&255, i>>8&255, i&255),
		PortSpecifier: &core.SocketAddress_PortValue{PortValue: 8080},
	}}}
	host := &endpoint.LbEndpoint_Endpoint{Endpoint: &endpoint.Endpoint{Address: address, Hostname: fmt.Sprintf("at=%d;", stamp)}}
	return &endpoint.ClusterLoadAssignment{
		ClusterName: service(i),
		Endpoints:   []*endpoint.LocalityLbEndpoints{{LbEndpoints: []*endpoint.LbEndpoint{{HostIdentifier: host}}}},
	}
}

// serve answers "change N" with the milliseconds until an acknowledgement after each of N changes, one after the other, and
// "touch" with an empty object after one change.
func serve(services int) error {
	acks := make(chan time.Time, 1<<20)
	linear, endpoints := newCache(services)
	callbacks := server.CallbackFuncs{
		StreamDeltaRequestFunc: func(_ int64, request *discovery.DeltaDiscoveryRequest) error {
			if request.ResponseNonce != "" && request.TypeUrl == resource.EndpointType {
				acks <- time.Now()
			}
			return nil
		},
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	instance := grpc.NewServer()
	discovery.RegisterAggregatedDiscoveryServiceServer(instance, server.NewServer(context.Background(), linear, callbacks))
	go func() { fail(instance.Serve(listener)) }()
	say(map[string]any{"port": listener.Addr().(*net.TCPAddr).Port})
	return obey(services, endpoints, acks)
}

func newCache(services int) (cache.Cache, *cache.LinearCache) {
	clusters, endpoints := map[string]types.Resource{}, map[string]types.Resource{}
	for i := range services {
		clusters[service(i)] = newCluster(i)
		endpoints[service(i)] = newEndpoints(i, 0)
	}
	linear := cache.NewLinearCache(resource.EndpointType, cache.WithInitialResources(endpoints))
	return &cache.MuxCache{
		Classify:      func(request *cache.Request) string { return request.TypeUrl },
		ClassifyDelta: func(request *cache.DeltaRequest) string { return request.TypeUrl },
		Caches: map[string]cache.Cache{
			resource.ClusterType:  cache.NewLinearCache(resource.ClusterType, cache.WithInitialResources(clusters)),
			resource.EndpointType: linear,
			resource.ListenerType: cache.NewLinearCache(resource.ListenerType), // Envoy asks for them when its clusters are warm
		},
	}, linear
}

func obey(services int, endpoints *cache.LinearCache, acks chan time.Time) error {
	turn := 0
	change := func() (time.Time, error) {
		turn++
		begin := time.Now()
		return begin, endpoints.UpdateResource(service(turn%services), newEndpoints(turn%services, begin.UnixNano()))
	}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		if words[0] == "touch" {
			if _, err := change(); err != nil {
				return err
			}
			say(map[string]any{})
			continue
		}
		took := []float64{}
		for range number(words[1]) {
			time.Sleep(20 * time.Millisecond)
			for len(acks) > 0 {
				<-acks
			}
			begin, err := change()
			if err != nil {
				return err
			}
			took = append(took, (<-acks).Sub(begin).Seconds()*1e3)
		}
		say(map[string]any{"ms": took})
	}
	os.Exit(0)
	return nil
}
