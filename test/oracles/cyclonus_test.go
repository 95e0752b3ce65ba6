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

	var y tally
	builder := &probe.JobBuilder{TimeoutSeconds: 1}
	for i, c := range cases {
		state := &connectivity.TestCaseState{Kubernetes: mock, Resources: resources}
		for _, step := range c.Steps {
			for _, a := range step.Actions {
				if err := apply(state, a, address); err != nil {
					t.Fatalf("case %d, %s: %v", i+1, c.Description, err)
				}
			}
			y.files++
			engine := &probe.SimulatedJobRunner{Policies: matcher.BuildNetworkPolicies(true, state.Policies)}
			ours, workloads := compile(t, state)
			for _, job := range builder.GetJobsForProbeConfig(state.Resources, step.Probe).Valid {
				if job.FromKey == job.ToKey {
					y.count(t, c.Description, job.FromKey, job.ToKey, "a pod to itself, which no policy can deny, and which cyclonus' engine decides by policy", false, nil, nil)
					continue
				}
				want := engine.RunJob(job)
				from, to := workloads[job.FromKey], workloads[job.ToKey]
				protocol := protocolOf(job.Protocol)
				got := ours.Decide(kube.Origin{Workload: from}, kube.Destination{Workload: to}, protocol, uint16(job.ResolvedPort))
				allowed := got.Verdict == kube.Allowed
				good := got.Verdict != kube.Undecidable && allowed == (want.Combined == probe.ConnectivityAllowed)
				sets := ours.Allowed(from, to)
				if sets.Certain.Contains(transport(protocol), uint16(job.ResolvedPort)) != allowed {
					good = false
				}
				y.count(t, fmt.Sprintf("case %d, %s", i+1, c.Description), job.FromKey, fmt.Sprint(job.ToKey, " ", job.Protocol, "/", job.ResolvedPort), "", good,
					[]any{got.Verdict, sets.Certain, got.Chain}, []any{want.Combined, *want.Ingress, *want.Egress})
			}
		}
	}
	y.report(t, "cyclonus")
}
