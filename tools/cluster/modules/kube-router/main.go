// kube-router's network policies alone, wired as its own program does it. Its routes and its service proxy are other programs' work in the
// test cluster, and bring most of what it would take to build.
package main

import (
	"flag"
	"log"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"github.com/cloudnativelabs/kube-router/v2/pkg/controllers/netpol"
	"github.com/cloudnativelabs/kube-router/v2/pkg/healthcheck"
	"github.com/cloudnativelabs/kube-router/v2/pkg/options"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
)

func main() {
	config := options.NewKubeRouterConfig()
	config.RunFirewall, config.RunRouter, config.RunServiceProxy, config.RunLoadBalancer = true, false, false, false
	config.EnableIPv4, config.EnableIPv6 = true, false
	services := flag.String("service-cluster-ip-range", "", "addresses of Services")
	flag.StringVar(&config.Kubeconfig, "kubeconfig", "", "file that says how to reach the API server, and as whom")
	flag.StringVar(&config.HostnameOverride, "hostname-override", "", "name of this node")
	port := flag.Uint("health-port", 20244, "port of /healthz on the loopback")
	flag.Parse()
	config.ClusterIPCIDRs = []string{*services}
	config.HealthPort = uint16(*port)
	if err := run(config); err != nil {
		log.Fatal(err)
	}
}

func run(config *options.KubeRouterConfig) error {
	rest, err := clientcmd.BuildConfigFromFlags("", config.Kubeconfig)
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(rest)
	if err != nil {
		return err
	}
	health, err := healthcheck.NewHealthController(config)
	if err != nil {
		return err
	}
	stop, beats, parts := make(chan struct{}), make(chan *healthcheck.ControllerHeartbeat, 10), &sync.WaitGroup{}
	parts.Add(1)
	go health.RunServer(stop, parts)

	factory := informers.NewSharedInformerFactory(client, 0)
	pods := factory.Core().V1().Pods().Informer()
	namespaces := factory.Core().V1().Namespaces().Informer()
	policies := factory.Networking().V1().NetworkPolicies().Informer()
	factory.Start(stop)
	factory.WaitForCacheSync(stop)

	tables, sets, err := netpol.NewIPTablesHandlers(config)
	if err != nil {
		return err
	}
	controller, err := netpol.NewNetworkPolicyController(client, config, pods, policies, namespaces, &sync.Mutex{}, nil, tables, sets)
	if err != nil {
		return err
	}
	for informer, handler := range map[cache.SharedIndexInformer]cache.ResourceEventHandler{
		pods:       controller.PodEventHandler,
		namespaces: controller.NamespaceEventHandler,
		policies:   controller.NetworkPolicyEventHandler,
	} {
		if _, err := informer.AddEventHandler(handler); err != nil {
			return err
		}
	}
	health.SetAlive()
	parts.Add(2)
	go health.RunCheck(beats, stop, parts)
	go controller.Run(beats, stop, parts)

	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGINT, syscall.SIGTERM)
	<-ended
	close(stop)
	parts.Wait()
	return nil
}
