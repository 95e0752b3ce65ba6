package oracles

import (
	"fmt"
	"io"
	"testing"

	"github.com/mattfenwick/cyclonus/pkg/connectivity"
	"github.com/mattfenwick/cyclonus/pkg/connectivity/probe"
	"github.com/mattfenwick/cyclonus/pkg/generator"
	cyclonus "github.com/mattfenwick/cyclonus/pkg/kube"
	"github.com/mattfenwick/cyclonus/pkg/matcher"
	"github.com/sirupsen/logrus"
	core "k8s.io/api/core/v1"

	"github.com/sallyport/sallyport/kube"
)

// TestCyclonus asks both engines about every probe of every step of cyclonus' generated cases: each pod to each pod and port, with
// ingress and egress compared apart. A verdict is left out where cyclonus has none: for a pod to itself, which its engine judges by
// policies, though a pod always reaches itself (it has an option to ignore these, for the same reason); and where
// a number names a port of several containers (its TODO).
func TestCyclonus(t *testing.T) {
	logrus.SetOutput(io.Discard)
	mock := cyclonus.NewMockKubernetes(1)
	protocols := []core.Protocol{core.ProtocolTCP, core.ProtocolUDP, core.ProtocolSCTP}
	resources, err := probe.NewDefaultResources(mock, []string{"x", "y", "z"}, []string{"a", "b", "c"}, []int{80, 81}, protocols, nil, 10, false, "")
	if err != nil {
		t.Fatal(err)
	}
	number := map[string]int{}
	address := func(p *probe.Pod) string {
		key := p.Namespace + "/" + p.Name
		if number[key] == 0 {
			number[key] = len(number) + 1
		}
		return fmt.Sprintf("192.168.%d.%d", number[key]/4, number[key])
	}
	for _, p := range resources.Pods {
		p.IP = address(p)
	}
	target, err := resources.GetPod("z", "c")
	if err != nil {
		t.Fatal(err)
	}
	cases := generator.NewTestCaseGenerator(true, target.IP, []string{"x", "y", "z"}, nil, nil).GenerateTestCases()
	if len(cases) != 230 {
		t.Errorf("%d cases, want 230", len(cases))
	}

	var agreed, self, steps int
	builder := &probe.JobBuilder{TimeoutSeconds: 1}
	for i, c := range cases {
		state := &connectivity.TestCaseState{Kubernetes: mock, Resources: resources}
		for _, step := range c.Steps {
			for _, a := range step.Actions {
				if err := apply(state, a, address); err != nil {
					t.Fatalf("case %d, %s: %v", i+1, c.Description, err)
				}
			}
			steps++
			engine := &probe.SimulatedJobRunner{Policies: matcher.BuildNetworkPolicies(true, state.Policies)}
			ours, workloads := compile(state)
			for _, job := range builder.GetJobsForProbeConfig(state.Resources, step.Probe).Valid {
				if job.FromKey == job.ToKey {
					self++
					continue
				}
				want := engine.RunJob(job)
				from, to := workloads[job.FromKey], workloads[job.ToKey]
				protocol := protocolOf(job.Protocol)
				got := ours.Decide(kube.Origin{Workload: from}, kube.Destination{Workload: to}, protocol, uint16(job.ResolvedPort))
				if (got.Verdict == kube.Allowed) != (want.Combined == probe.ConnectivityAllowed) || got.Verdict == kube.Undecidable {
					t.Errorf("case %d, %s: %s to %s %s/%d: got %v, cyclonus says %s (ingress %s, egress %s)\n%v",
						i+1, c.Description, job.FromKey, job.ToKey, job.Protocol, job.ResolvedPort, got.Verdict, want.Combined, *want.Ingress, *want.Egress, got.Chain)
					continue
				}
				sets := ours.Allowed(from, to)
				if sets.Certain.Contains(transport(protocol), uint16(job.ResolvedPort)) != (got.Verdict == kube.Allowed) {
					t.Errorf("case %d: %s to %s %s/%d: decision %v, but allowed ports are %v", i+1, job.FromKey, job.ToKey, job.Protocol, job.ResolvedPort, got.Verdict, sets.Certain)
				}
				agreed++
			}
		}
	}
	t.Logf("cyclonus: %d cases, %d steps: %d verdicts agreed, %d left out (a pod to itself)", len(cases), steps, agreed, self)
	if agreed < 50_000 {
		t.Errorf("only %d verdicts were compared", agreed)
	}
}
