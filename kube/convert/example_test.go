package convert_test

import (
	"fmt"

	"github.com/sallyport/sallyport/kube/convert"
	"github.com/sallyport/sallyport/profile"
)

func ExampleTo() {
	p, err := profile.Parse("shop.yaml", []byte(`
apiVersion: sallyport.dev/v1alpha1
kind: EgressProfile
metadata: {name: shop}
spec:
  egress:
    default: refuse
    rules:
    - {destinations: [198.51.100.7], ports: [53, 443], verdict: allow, reason: the partner}
`))
	if err != nil {
		panic(err)
	}
	result, err := convert.To(convert.CalicoNetworkPolicy, p, convert.Options{Namespace: "shop"})
	if err != nil {
		panic(err)
	}
	for _, l := range result.Lost {
		fmt.Printf("%s: %s\n", l.Kind, l.String())
	}
	fmt.Println("changes what is allowed:", result.Changes())
	text, err := result.YAML()
	if err != nil {
		panic(err)
	}
	fmt.Printf("%s", text)
	// Output:
	// loopback: shop.yaml:7: 127.0.0.0/8 and ::1 stay allowed: no policy sees what stays in the pod
	// denial: shop.yaml:7: refuse becomes silence: a connect that ends in ECONNREFUSED here times out there
	// changes what is allowed: false
	// # from profile shop (shop.yaml), as a Calico NetworkPolicy
	// # what it cannot say:
	// #   shop.yaml:7: 127.0.0.0/8 and ::1 stay allowed: no policy sees what stays in the pod
	// #   shop.yaml:7: refuse becomes silence: a connect that ends in ECONNREFUSED here times out there
	// apiVersion: projectcalico.org/v3
	// kind: NetworkPolicy
	// metadata:
	//   name: shop
	//   namespace: shop
	// spec:
	//   selector: all()
	//   types: [Egress]
	//   egress:
	//     # the partner (shop.yaml:9)
	//     - action: Allow
	//       protocol: TCP
	//       destination:
	//         nets: [198.51.100.7/32]
	//         ports: [53, 443]
	//     - action: Allow
	//       protocol: UDP
	//       destination:
	//         nets: [198.51.100.7/32]
	//         ports: [53, 443]
	//     - action: Allow
	//       protocol: SCTP
	//       destination:
	//         nets: [198.51.100.7/32]
	//         ports: [53, 443]
}
