package main

import (
	"context"
	"fmt"
	"net/netip"
	"sync"

	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// Pods on the host network run on nodes of their own: the API leaves to network plugins what a policy says of the traffic between
// a pod and the node it runs on, so that a test of such a connection within one node would have no answer.
const (
	podNodes  = 2
	hostNodes = 2 // as many as there are pods with equal host ports in the suites
)

// addresses gives nodes and pods theirs. They are written into objects, and nothing is ever sent to them.
type addresses struct {
	sixFirst bool
	mu       sync.Mutex
	last     [podNodes + hostNodes]uint16
}

// order is an IPv4 and an IPv6 address in the order of the cluster's families.
func (a *addresses) order(four, six string) []string {
	if a.sixFirst {
		return []string{six, four}
	}
	return []string{four, six}
}

// node is the addresses of a node.
func (a *addresses) node(i int) []string {
	return a.order(fmt.Sprintf("172.18.0.%d", i+1), fmt.Sprintf("fd00:172:18::%d", i+1))
}

func podRanges(i int) (four, six netip.Prefix) {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(128 + i)}), 16), netip.MustParsePrefix(fmt.Sprintf("fd00:10:%d::/64", 128+i))
}

// pod is the addresses of a new pod of a node. None is given twice.
func (a *addresses) pod(i int) []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.last[i]++
	n := a.last[i]
	four, six := podRanges(i)
	x, y := four.Addr().As4(), six.Addr().As16()
	x[2], x[3] = byte(n>>8), byte(n)
	y[14], y[15] = x[2], x[3]
	return a.order(netip.AddrFrom4(x).String(), netip.AddrFrom16(y).String())
}

func nodeName(i int) string { return fmt.Sprintf("node-%d", i+1) }

func nodeIndex(name string) (int, error) {
	for i := range podNodes + hostNodes {
		if nodeName(i) == name {
			return i, nil
		}
	}
	return 0, fmt.Errorf("there is no node %s", name)
}

// registerNodes makes the nodes, with the exec endpoint at a port of this machine. The API server goes there by the name
// localhost (--kubelet-preferred-address-types=Hostname); the other addresses are for policies.
func registerNodes(ctx context.Context, client kubernetes.Interface, a *addresses, port int32) error {
	for i := range podNodes + hostNodes {
		four, six := podRanges(i)
		ranges := a.order(four.String(), six.String())
		room := core.ResourceList{"cpu": resource.MustParse("64"), "memory": resource.MustParse("256Gi"), "pods": resource.MustParse("1000")}
		node := &core.Node{
			ObjectMeta: meta.ObjectMeta{Name: nodeName(i), Labels: map[string]string{
				core.LabelOSStable: "linux", core.LabelArchStable: "amd64", core.LabelHostname: nodeName(i),
			}},
			Spec: core.NodeSpec{PodCIDR: ranges[0], PodCIDRs: ranges},
		}
		status := core.NodeStatus{
			Capacity: room, Allocatable: room,
			Conditions: []core.NodeCondition{{
				Type: core.NodeReady, Status: core.ConditionTrue, Reason: "Simulated",
				LastHeartbeatTime: meta.Now(), LastTransitionTime: meta.Now(),
			}},
			Addresses:       []core.NodeAddress{{Type: core.NodeHostName, Address: "localhost"}},
			DaemonEndpoints: core.NodeDaemonEndpoints{KubeletEndpoint: core.DaemonEndpoint{Port: port}},
			NodeInfo:        core.NodeSystemInfo{OperatingSystem: "linux", Architecture: "amd64", KubeletVersion: "v1.37.2"},
		}
		for _, x := range a.node(i) {
			status.Addresses = append(status.Addresses, core.NodeAddress{Type: core.NodeInternalIP, Address: x})
		}
		made, err := client.CoreV1().Nodes().Create(ctx, node, meta.CreateOptions{})
		if errors.IsAlreadyExists(err) {
			made, err = client.CoreV1().Nodes().Get(ctx, node.Name, meta.GetOptions{})
		}
		if err != nil {
			return fmt.Errorf("register node: %w", err)
		}
		made.Status = status
		if _, err := client.CoreV1().Nodes().UpdateStatus(ctx, made, meta.UpdateOptions{}); err != nil {
			return fmt.Errorf("report node %s ready: %w", made.Name, err)
		}
	}
	return nil
}
