"""Every field of the meshes' interfaces, by message: names and kinds of values, as their definitions have them.

istio/api b8f8791, envoyproxy/data-plane-api 84e84367, kubernetes-sigs/gateway-api 4564255, envoyproxy/gateway d32f282.
Kinds: ``i`` integer, ``f`` number, ``d`` duration, ``b`` flag, ``s`` text, ``e`` word, ``m`` message, ``*`` a list.
"""

from __future__ import annotations

FIELDS: dict[str, str] = {
    "istio.VirtualService": """
        hosts:*s gateways:*s http:*m tls:*m tcp:*m exportTo:*s
    """,
    "istio.HTTPRoute": """
        name:s match:*m route:*m redirect:m directResponse:m delegate:m rewrite:m timeout:d retries:m fault:m
        mirror:m mirrors:*m mirrorPercent:i mirrorPercentage:m corsPolicy:m headers:m
    """,
    "istio.HTTPRouteDestination": """
        destination:m weight:i headers:m
    """,
    "istio.HTTPRetry": """
        attempts:i perTryTimeout:d retryOn:s retryRemoteLocalities:b retryIgnorePreviousHosts:b backoff:d
    """,
    "istio.DestinationRule": """
        host:s trafficPolicy:m subsets:*m exportTo:*s workloadSelector:m
    """,
    "istio.TrafficPolicy": """
        loadBalancer:m connectionPool:m outlierDetection:m tls:m portLevelSettings:*m tunnel:m proxyProtocol:m
        retryBudget:m
    """,
    "istio.TrafficPolicy.PortTrafficPolicy": """
        port:m loadBalancer:m connectionPool:m outlierDetection:m tls:m
    """,
    "istio.TrafficPolicy.RetryBudget": """
        percent:f minRetryConcurrency:i budgetInterval:d
    """,
    "istio.Subset": """
        name:s labels:m trafficPolicy:m
    """,
    "istio.LoadBalancerSettings": """
        simple:e consistentHash:m localityLbSetting:m zoneAwareLbSetting:m warmupDurationSecs:d warmup:m
    """,
    "istio.ConnectionPoolSettings": """
        tcp:m http:m
    """,
    "istio.ConnectionPoolSettings.TCPSettings": """
        maxConnections:i connectTimeout:d tcpKeepalive:m maxConnectionDuration:d idleTimeout:d
    """,
    "istio.ConnectionPoolSettings.HTTPSettings": """
        http1MaxPendingRequests:i http2MaxRequests:i maxRequestsPerConnection:i maxRetries:i idleTimeout:d
        h2UpgradePolicy:e useClientProtocol:b maxConcurrentStreams:i http2KeepAlive:m
    """,
    "istio.OutlierDetection": """
        consecutiveErrors:i splitExternalLocalOriginErrors:b consecutiveLocalOriginFailures:i
        consecutiveGatewayErrors:i consecutive5xxErrors:i interval:d baseEjectionTime:d maxEjectionPercent:i
        minHealthPercent:i outlierDetectionHttpErrorCodes:*i
    """,
    "envoy.VirtualHost": """
        name:s domains:*s routes:*m matcher:m require_tls:e virtual_clusters:*m rate_limits:*m
        request_headers_to_add:*m request_headers_to_remove:*s response_headers_to_add:*m
        response_headers_to_remove:*s cors:m typed_per_filter_config:m include_request_attempt_count:b
        include_attempt_count_in_response:b retry_policy:m retry_policy_typed_config:m hedge_policy:m
        include_is_timeout_retry_header:b per_request_buffer_limit_bytes:i request_body_buffer_limit:i
        request_mirror_policies:*m metadata:m
    """,
    "envoy.Route": """
        name:s match:m route:m redirect:m direct_response:m filter_action:m non_forwarding_action:m metadata:m
        decorator:m typed_per_filter_config:m request_headers_to_add:*m request_headers_to_remove:*s
        response_headers_to_add:*m response_headers_to_remove:*s tracing:m per_request_buffer_limit_bytes:i
        stat_prefix:s request_body_buffer_limit:i
    """,
    "envoy.WeightedCluster": """
        clusters:*m total_weight:i runtime_key_prefix:s header_name:s use_hash_policy:b
    """,
    "envoy.WeightedCluster.ClusterWeight": """
        name:s cluster_header:s weight:i metadata_match:m request_headers_to_add:*m request_headers_to_remove:*s
        response_headers_to_add:*m response_headers_to_remove:*s typed_per_filter_config:m
        host_rewrite_literal:s
    """,
    "envoy.RouteAction": """
        cluster:s cluster_header:s weighted_clusters:m cluster_specifier_plugin:s
        inline_cluster_specifier_plugin:m cluster_not_found_response_code:e metadata_match:m prefix_rewrite:s
        regex_rewrite:m path_rewrite_policy:m path_rewrite:s host_rewrite_literal:s auto_host_rewrite:b
        host_rewrite_header:s host_rewrite_path_regex:m host_rewrite:s append_x_forwarded_host:b timeout:d
        idle_timeout:d flush_timeout:d early_data_policy:m retry_policy:m retry_policy_typed_config:m
        request_mirror_policies:*m priority:e rate_limits:*m include_vh_rate_limits:b hash_policy:*m cors:m
        max_grpc_timeout:d grpc_timeout_offset:d upgrade_configs:*m internal_redirect_policy:m
        internal_redirect_action:e max_internal_redirects:i hedge_policy:m max_stream_duration:m
    """,
    "envoy.RetryPolicy": """
        retry_on:s num_retries:i per_try_timeout:d per_try_idle_timeout:d retry_priority:m
        retry_host_predicate:*m retry_options_predicates:*m host_selection_retry_max_attempts:i
        retriable_status_codes:*i retry_back_off:m rate_limited_retry_back_off:m retriable_headers:*m
        retriable_request_headers:*m
    """,
    "envoy.RetryPolicy.RetryBackOff": """
        base_interval:d max_interval:d
    """,
    "envoy.RetryPolicy.RateLimitedRetryBackOff": """
        reset_headers:*m max_interval:d
    """,
    "envoy.HedgePolicy": """
        initial_requests:i additional_request_chance:m hedge_on_per_try_timeout:b
    """,
    "envoy.Cluster": """
        transport_socket_matches:*m transport_socket_matcher:m name:s alt_stat_name:s type:e cluster_type:m
        eds_cluster_config:m connect_timeout:d per_connection_buffer_limit_bytes:i lb_policy:e load_assignment:m
        health_checks:*m max_requests_per_connection:i circuit_breakers:m upstream_http_protocol_options:m
        common_http_protocol_options:m http_protocol_options:m http2_protocol_options:m
        typed_extension_protocol_options:m dns_refresh_rate:d dns_jitter:d dns_failure_refresh_rate:m
        respect_dns_ttl:b dns_lookup_family:e dns_resolvers:*m use_tcp_for_dns_lookups:b dns_resolution_config:m
        typed_dns_resolver_config:m wait_for_warm_on_init:b outlier_detection:m cleanup_interval:d
        upstream_bind_config:m lb_subset_config:m ring_hash_lb_config:m maglev_lb_config:m
        original_dst_lb_config:m least_request_lb_config:m round_robin_lb_config:m common_lb_config:m
        transport_socket:m metadata:m protocol_selection:e upstream_connection_options:m
        close_connections_on_host_health_failure:b ignore_health_on_host_removal:b filters:*m
        load_balancing_policy:m lrs_server:m lrs_report_endpoint_metrics:*s track_timeout_budgets:b
        upstream_config:m track_cluster_stats:m preconnect_policy:m connection_pool_per_downstream_connection:b
    """,
    "envoy.Cluster.CommonLbConfig": """
        healthy_panic_threshold:m zone_aware_lb_config:m locality_weighted_lb_config:m update_merge_window:d
        ignore_new_hosts_until_first_hc:b close_connections_on_host_set_change:b consistent_hashing_lb_config:m
        override_host_status:m
    """,
    "envoy.CircuitBreakers": """
        thresholds:*m per_host_thresholds:*m
    """,
    "envoy.CircuitBreakers.Thresholds": """
        priority:e max_connections:i max_pending_requests:i max_requests:i max_retries:i retry_budget:m
        track_remaining:b max_connection_pools:i
    """,
    "envoy.CircuitBreakers.Thresholds.RetryBudget": """
        budget_percent:m min_retry_concurrency:i
    """,
    "envoy.OutlierDetection": """
        consecutive_5xx:i interval:d base_ejection_time:d max_ejection_percent:i enforcing_consecutive_5xx:i
        enforcing_success_rate:i success_rate_minimum_hosts:i success_rate_request_volume:i
        success_rate_stdev_factor:i consecutive_gateway_failure:i enforcing_consecutive_gateway_failure:i
        split_external_local_origin_errors:b consecutive_local_origin_failure:i
        enforcing_consecutive_local_origin_failure:i enforcing_local_origin_success_rate:i
        failure_percentage_threshold:i enforcing_failure_percentage:i
        enforcing_failure_percentage_local_origin:i failure_percentage_minimum_hosts:i
        failure_percentage_request_volume:i max_ejection_time:d max_ejection_time_jitter:d
        successful_active_health_check_uneject_host:b monitors:*m always_eject_one_host:b
    """,
    "envoy.LocalRateLimit": """
        stat_prefix:s status:m token_bucket:m filter_enabled:m filter_enforced:m
        request_headers_to_add_when_not_enforced:*m response_headers_to_add:*m descriptors:*m stage:i
        local_rate_limit_per_downstream_connection:b local_cluster_rate_limit:m enable_x_ratelimit_headers:e
        vh_rate_limits:e always_consume_default_token_bucket:b rate_limited_as_resource_exhausted:b
        rate_limits:*m max_dynamic_descriptors:i
    """,
    "envoy.TokenBucket": """
        max_tokens:i tokens_per_fill:i fill_interval:d
    """,
    "gateway.HTTPRouteSpec": """
        parentRefs:*m useDefaultGateways:m hostnames:*s rules:*m
    """,
    "gateway.HTTPRouteRule": """
        name:s matches:*m filters:*m backendRefs:*m timeouts:m retry:m sessionPersistence:m
    """,
    "gateway.HTTPRouteTimeouts": """
        request:d backendRequest:d
    """,
    "gateway.HTTPRouteRetry": """
        codes:*i attempts:i backoff:d
    """,
    "gateway.HTTPBackendRef": """
        group:s kind:s name:s namespace:s port:i weight:i filters:*m
    """,
    "gateway.GRPCRouteSpec": """
        parentRefs:*m useDefaultGateways:m hostnames:*s rules:*m
    """,
    "gateway.GRPCRouteRule": """
        name:s matches:*m filters:*m backendRefs:*m sessionPersistence:m
    """,
    "gateway.GRPCBackendRef": """
        group:s kind:s name:s namespace:s port:i weight:i filters:*m
    """,
    "gateway.BackendTrafficPolicySpec": """
        targetRefs:*m retryConstraint:m sessionPersistence:m
    """,
    "gateway.RetryConstraint": """
        budget:m minRetryRate:m
    """,
    "gateway.BudgetDetails": """
        percent:i interval:d
    """,
    "gateway.RequestRate": """
        count:i interval:d
    """,
    "eg.BackendTrafficPolicySpec": """
        targetRef:m targetRefs:*m targetSelectors:*m loadBalancer:m retry:m proxyProtocol:m tcpKeepalive:m
        healthCheck:m circuitBreaker:m timeout:m connection:m dns:m http2:m mergeType:s rateLimit:m
        bandwidthLimit:m faultInjection:m admissionControl:m useClientProtocol:b compression:*m compressor:*m
        responseOverride:*m httpUpgrade:*m requestBuffer:m telemetry:m routingType:s
    """,
    "eg.Retry": """
        numRetries:i numAttemptsPerPriority:i retryOn:m perRetry:m
    """,
    "eg.RetryOn": """
        triggers:*s httpStatusCodes:*i
    """,
    "eg.PerRetryPolicy": """
        timeout:d backOff:m
    """,
    "eg.BackOffPolicy": """
        baseInterval:d maxInterval:d
    """,
    "eg.CircuitBreaker": """
        maxConnections:i maxPendingRequests:i maxParallelRequests:i maxParallelRetries:i
        maxRequestsPerConnection:i perEndpoint:m retryBudget:m
    """,
    "eg.RetryBudget": """
        percent:m minRetryConcurrency:i
    """,
    "eg.Timeout": """
        tcp:m http:m
    """,
    "eg.TCPTimeout": """
        connectTimeout:d
    """,
    "eg.HTTPTimeout": """
        connectionIdleTimeout:d maxConnectionDuration:d requestTimeout:d maxStreamDuration:d streamIdleTimeout:d
    """,
    "eg.HealthCheck": """
        active:m passive:m panicThreshold:i
    """,
    "eg.PassiveHealthCheck": """
        splitExternalLocalOriginErrors:b interval:d consecutiveLocalOriginFailures:i consecutiveGatewayErrors:i
        consecutive5XxErrors:i baseEjectionTime:d maxEjectionPercent:i failurePercentageThreshold:i
        alwaysEjectOneEndpoint:b
    """,
    "eg.RateLimitSpec": """
        type:s global:m local:m
    """,
    "eg.LocalRateLimit": """
        rules:*m
    """,
    "eg.RateLimitRule": """
        clientSelectors:*m limit:m cost:m shared:b shadowMode:b xRateLimitHeaders:s
    """,
    "eg.RateLimitValue": """
        requests:i unit:s fromMetadata:m
    """,
}
