package cilium

import (
	"encoding/json"
	"iter"
	"log/slog"
	"maps"
	"net/netip"
	"strings"
	"sync"
	"testing"

	cmtypes "github.com/cilium/cilium/pkg/clustermesh/types"
	"github.com/cilium/cilium/pkg/crypto/certificatemanager"
	envoypolicy "github.com/cilium/cilium/pkg/envoy/policy"
	"github.com/cilium/cilium/pkg/identity"
	"github.com/cilium/cilium/pkg/identity/identitymanager"
	ipcache "github.com/cilium/cilium/pkg/ipcache/types"
	"github.com/cilium/cilium/pkg/k8s"
	cilium "github.com/cilium/cilium/pkg/k8s/apis/cilium.io/v2"
	networking "github.com/cilium/cilium/pkg/k8s/slim/k8s/api/networking/v1"
	"github.com/cilium/cilium/pkg/k8s/utils"
	"github.com/cilium/cilium/pkg/labels"
	"github.com/cilium/cilium/pkg/labelsfilter"
	"github.com/cilium/cilium/pkg/loadbalancer"
	"github.com/cilium/cilium/pkg/option"
	"github.com/cilium/cilium/pkg/policy"
	"github.com/cilium/cilium/pkg/policy/api"
	policyk8s "github.com/cilium/cilium/pkg/policy/k8s"
	"github.com/cilium/cilium/pkg/policy/types"
	policyutils "github.com/cilium/cilium/pkg/policy/utils"
	"github.com/cilium/cilium/pkg/source"
	testidentity "github.com/cilium/cilium/pkg/testutils/identity"
	testpolicy "github.com/cilium/cilium/pkg/testutils/policy"
	ports "github.com/cilium/cilium/pkg/types"
	"github.com/cilium/cilium/pkg/u8proto"
	"github.com/cilium/statedb"
	"sigs.k8s.io/yaml"
)

// clusterName is what Cilium takes for a name where none is configured.
const clusterName = "default"

var silent = slog.New(slog.DiscardHandler)

// configure sets Cilium's options to what its Helm chart sets by default.
func configure(t *testing.T) {
	t.Helper()
	option.Config.EnableIPv4, option.Config.EnableIPv6 = true, true
	option.Config.EnableL7Proxy = true
	option.Config.EnableICMPRules = true
	option.Config.EnableHostFirewall = true // off by default: so we say undecidable of what it denies
	option.Config.EnableNonDefaultDenyPolicies = true
	option.Config.UnsafeDaemonConfigOption.AllowLocalhost = option.AllowLocalhostAlways // auto, in Kubernetes
	policy.SetPolicyEnabled(option.DefaultEnforcement)
	api.InitEntities(clusterName)
	if err := labelsfilter.ParseLabelPrefixCfg(silent, nil, nil, ""); err != nil {
		t.Fatal(err)
	}
}

// engine is Cilium's policy repository with the identities of a cluster.
type engine struct {
	repo  *policy.Repository
	ids   identitymanager.IDManager
	known map[string]*identity.Identity
	named map[identity.NumericIdentity]map[string]uint16 // "web/TCP"
	next  identity.NumericIdentity

	db       *statedb.DB
	services statedb.RWTable[*loadbalancer.Service]
	backends statedb.RWTable[*loadbalancer.Backend]
}

func newEngine() *engine {
	e := &engine{known: map[string]*identity.Identity{}, named: map[identity.NumericIdentity]map[string]uint16{}, next: 1000}
	translator := envoypolicy.NewEnvoyL7RulesTranslator(silent, certificatemanager.NewMockSecretManagerInline())
	e.ids = identitymanager.NewIDManager(silent)
	e.repo = policy.NewPolicyRepository(silent, nil, nil, translator, e.ids, testpolicy.NewPolicyMetricsNoop())
	e.repo.GetSelectorCache().SetLocalIdentityNotifier(testidentity.NewDummyIdentityNotifier())
	e.repo.SetNamedPortsGetter(e)
	e.db = statedb.New()
	var err error
	if e.services, err = loadbalancer.NewServicesTable(loadbalancer.DefaultConfig, e.db); err == nil {
		e.backends, err = loadbalancer.NewBackendsTable(e.db)
	}
	if err != nil {
		panic(err)
	}
	return e
}

// service gives Cilium a service with its labels, what it selects, and where it leads to.
func (e *engine) service(namespace, name string, own, selector map[string]string, addresses ...string) {
	txn := e.db.WriteTxn(e.services, e.backends)
	defer txn.Commit()
	n := loadbalancer.NewServiceName(namespace, name)
	e.services.Insert(txn, &loadbalancer.Service{Name: n, Labels: labels.Map2Labels(own, labels.LabelSourceK8s), Selector: selector})
	for _, a := range addresses {
		at := loadbalancer.NewL3n4Addr(loadbalancer.TCP, cmtypes.MustParseAddrCluster(a), 0, loadbalancer.ScopeExternal)
		e.backends.Insert(txn, &loadbalancer.Backend{ServiceName: n, Address: at, Source: source.Kubernetes})
	}
}

// GetNamedPorts is how Cilium learns the ports of destinations by name.
func (e *engine) GetNamedPorts() ports.NamedPortMultiMap { return namedPorts{e} }

type namedPorts struct{ *engine }

func (n namedPorts) GetNamedPort(string, u8proto.U8proto, iter.Seq[identity.NumericIdentity]) (uint16, error) {
	return 0, ports.ErrUnknownNamedPort
}

func (n namedPorts) GetNamedPorts(name string, proto u8proto.U8proto, ids iter.Seq[identity.NumericIdentity]) ports.NidPortSeq {
	return func(yield func(identity.NumericIdentity, uint16) bool) {
		for id := range ids {
			if port, there := n.named[id][name+"/"+proto.String()]; there && !yield(id, port) {
				return
			}
		}
	}
}

func (n namedPorts) Len() int { return len(n.named) }

func (e *engine) add(key string, id identity.NumericIdentity, l labels.Labels) {
	x := identity.NewIdentity(id, l)
	e.known[key] = x
	e.repo.GetSelectorCache().UpdateIdentities(identity.IdentityMap{id: x.LabelArray}, nil, &sync.WaitGroup{})
	e.repo.GetSubjectSelectorCache().UpdateIdentities(identity.IdentityMap{id: x.LabelArray}, nil, &sync.WaitGroup{})
}

// namespace is what Cilium asks of one.
type namespace struct {
	name   string
	labels map[string]string
}

func (n namespace) GetName() string              { return n.name }
func (n namespace) GetLabels() map[string]string { return n.labels }

// pod gives a pod its identity, as the agent does when the pod starts.
func (e *engine) pod(key string, n namespace, own map[string]string, account string, namedPorts map[string]uint16) {
	all := utils.SanitizePodLabels(maps.Clone(own), n, account, clusterName)
	l, _ := labelsfilter.Filter(labels.Map2Labels(all, labels.LabelSourceK8s))
	e.next++
	e.named[e.next] = namedPorts
	e.add(key, e.next, l)
}

// address gives an address the labels of the prefixes that hold it, as the IP cache does.
func (e *engine) address(a netip.Addr, prefixes []netip.Prefix, more labels.Labels) {
	l := labels.Labels{}
	for _, p := range prefixes {
		if p.Contains(a) {
			l.MergeLabels(labels.GetCIDRLabels(p))
		}
	}
	l.AddWorldLabel(a)
	l.MergeLabels(more)
	e.next++
	e.add(a.String(), identity.IdentityScopeLocal+e.next, l)
}

// apply takes an object in as the agent does, and tells where it refuses it.
func (e *engine) apply(text string) error {
	j, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		return err
	}
	var meta struct{ Kind string }
	if err := json.Unmarshal(j, &meta); err != nil {
		return err
	}
	var entries types.PolicyEntries
	var kind ipcache.ResourceKind
	var name, space string
	switch meta.Kind {
	case "NetworkPolicy":
		var p networking.NetworkPolicy
		if err := json.Unmarshal(j, &p); err != nil {
			return err
		}
		entries, err = k8s.ParseNetworkPolicy(silent, clusterName, &p)
		kind, name, space = ipcache.ResourceKindNetpol, p.Name, p.Namespace
	default:
		var p cilium.CiliumNetworkPolicy
		if err := json.Unmarshal(j, &p); err != nil {
			return err
		}
		kind, name, space = ipcache.ResourceKindCNP, p.Name, p.Namespace
		if meta.Kind == "CiliumClusterwideNetworkPolicy" {
			kind = ipcache.ResourceKindCCNP
		}
		policyk8s.ResolveToServices(e.db.ReadTxn(), e.services, e.backends, &p)
		var rules api.Rules
		if rules, err = p.Parse(silent, clusterName); err == nil {
			entries = policyutils.RulesToPolicyEntries(rules)
		}
	}
	if err != nil {
		return err
	}
	e.repo.ReplaceByResource(entries, ipcache.NewResourceID(kind, space, name))
	return nil
}

// decide asks for a flow: egress of the one and ingress of the other.
func (e *engine) decide(t *testing.T, from, to string, protocol string, port uint16) types.LookupResult {
	t.Helper()
	f := types.Flow{From: e.known[from], To: e.known[to], Dport: port}
	var err error
	if f.Proto, err = u8proto.ParseProtocol(strings.ToLower(protocol)); err != nil {
		t.Fatal(err)
	}
	own := map[string]map[string]uint16{"TCP": {}, "UDP": {}}
	for k, v := range e.named[f.To.ID] {
		name, proto, _ := strings.Cut(k, "/")
		if own[proto] != nil {
			own[proto][name] = v
		}
	}
	f.NamedPortsTCP, f.NamedPortsUDP = own["TCP"], own["UDP"]
	v, _, _, err := policy.LookupFlow(silent, e.repo, e.ids, f)
	if err != nil {
		t.Fatal(err)
	}
	return v
}
