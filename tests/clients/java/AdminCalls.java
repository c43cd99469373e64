// The commands about configs, log dirs and the cluster. AlterConfigs is not in this client any more.

import static java.util.stream.Collectors.joining;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.AlterConfigOp.OpType;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.common.config.ConfigResource;

class AdminCalls {
    static ConfigResource resource(String kind, String name) {
        return new ConfigResource(ConfigResource.Type.valueOf(kind.toUpperCase()), name);
    }

    static String configs(Admin admin, String kind, String name) throws Exception {
        var resource = resource(kind, name);
        return admin.describeConfigs(List.of(resource)).all().get().get(resource).entries().stream()
            .map(entry -> entry.name() + ":" + entry.source() + ":" + entry.value()).collect(joining("\t"));
    }

    /** alter KIND NAME KEY[=VALUE]... */
    static void alter(Admin admin, String[] command) throws Exception {
        var changes = new ArrayList<AlterConfigOp>();
        for (int i = 3; i < command.length; i++) {
            String[] pair = command[i].split("=", 2);
            boolean sets = pair.length == 2;
            var entry = new ConfigEntry(pair[0], sets ? pair[1] : null);
            changes.add(new AlterConfigOp(entry, sets ? OpType.SET : OpType.DELETE));
        }
        admin.incrementalAlterConfigs(Map.of(resource(command[1], command[2]), changes)).all().get();
    }

    static String logDirs(Admin admin, String topic) throws Exception {
        var nodes = admin.describeCluster().nodes().get().stream().map(node -> node.id()).toList();
        return admin.describeLogDirs(nodes).allDescriptions().get().values().stream()
            .flatMap(dirs -> dirs.values().stream())
            .flatMap(dir -> dir.replicaInfos().entrySet().stream())
            .filter(replica -> replica.getKey().topic().equals(topic))
            .map(replica -> replica.getKey().partition() + ":" + replica.getValue().size())
            .collect(joining("\t"));
    }

    static String cluster(Admin admin) throws Exception {
        var found = admin.describeCluster();
        String nodes = found.nodes().get().stream()
            .map(node -> "\t" + node.id() + ":" + node.host() + ":" + node.port()).collect(joining());
        return found.clusterId().get() + "\t" + found.controller().get().id() + nodes;
    }
}
