package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"sync"

	core "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/rest"

	"github.com/sallyport/sallyport/kube"
)

// lists are what decides who reaches whom.
var lists = []string{
	"/api/v1/namespaces",
	"/api/v1/nodes",
	"/api/v1/pods",
	"/api/v1/services",
	"/apis/discovery.k8s.io/v1/endpointslices",
	"/apis/networking.k8s.io/v1/networkpolicies",
	"/apis/policy.networking.k8s.io/v1alpha1/adminnetworkpolicies",
	"/apis/policy.networking.k8s.io/v1alpha1/baselineadminnetworkpolicies",
	"/apis/policy.networking.k8s.io/v1alpha2/clusternetworkpolicies",
}

const (
	podList   = 2
	sliceList = 4
	custom    = 6 // from here on they are of custom resources, which are there once a suite's definitions are
)

// network is the cluster's network, as its objects say.
type network struct {
	client rest.Interface

	mu   sync.Mutex
	key  [sha256.Size]byte // of the objects of last
	last *state
}

// state is the network at one moment.
type state struct {
	cluster   *kube.Cluster
	evaluator *kube.Evaluator
	pods      []core.Pod
	slices    []discovery.EndpointSlice
}

// now lists everything anew, so that nothing which was written before the exec is missing, and compiles it where an object has changed.
func (n *network) now(ctx context.Context) (*state, error) {
	bodies := make([][]byte, len(lists))
	failed := make([]error, len(lists))
	var wg sync.WaitGroup
	for i, path := range lists {
		wg.Go(func() {
			bodies[i], failed[i] = n.client.Get().AbsPath(path).SetHeader("Accept", "application/json").DoRaw(ctx)
		})
	}
	wg.Wait()
	hash := sha256.New()
	for i, err := range failed {
		switch {
		case errors.IsNotFound(err) && i >= custom:
			bodies[i] = nil
			continue
		case err != nil:
			return nil, fmt.Errorf("list %s: %w", lists[i], err)
		}
		// Not of the whole body: a list's own resourceVersion changes with every write to the cluster.
		var list struct{ Items json.RawMessage }
		if err := json.Unmarshal(bodies[i], &list); err != nil {
			return nil, fmt.Errorf("read %s: %w", lists[i], err)
		}
		fmt.Fprintln(hash, i, len(list.Items))
		hash.Write(list.Items)
	}
	key := [sha256.Size]byte(hash.Sum(nil))

	n.mu.Lock()
	defer n.mu.Unlock()
	if n.last != nil && n.key == key {
		return n.last, nil
	}
	s, err := compile(bodies)
	if err != nil {
		return nil, err
	}
	n.key, n.last = key, s
	return s, nil
}

func compile(bodies [][]byte) (*state, error) {
	var sources []kube.Source
	for i, body := range bodies {
		if body != nil {
			sources = append(sources, kube.Stream(lists[i], bytes.NewReader(body)))
		}
	}
	cluster, problems := kube.Read(sources...)
	for _, p := range problems {
		if p.Severity == kube.Error {
			return nil, fmt.Errorf("an object that the API server has taken is refused here: %w", p)
		}
	}
	s := &state{cluster: cluster}
	var pods core.PodList
	if err := json.Unmarshal(bodies[podList], &pods); err != nil {
		return nil, err
	}
	var slices discovery.EndpointSliceList
	if err := json.Unmarshal(bodies[sliceList], &slices); err != nil {
		return nil, err
	}
	s.pods, s.slices = pods.Items, slices.Items
	// The API leaves these to network plugins, and the suites ask for one of the two.
	s.evaluator = kube.Compile(cluster, kube.Assumptions{BlocksSelectPods: kube.True, EgressAfterTranslation: kube.True})
	return s, nil
}
