package org.stateferry.docs;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.stateferry.web.ApiPaths;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Compares the guide with what the compiler has written down of the service's settings, and with the paths of its interface. */
class SettingsTest {
    private static final Path METADATA = Path.of("target/classes/META-INF/spring-configuration-metadata.json");

    /** The table has their parts, which have no names of their own in the metadata. */
    private static final Map<String, Set<String>> PARTS = Map.of(
            "stateferry.access.users", Set.of("NAME.password-hash", "NAME.role"),
            "stateferry.access.tokens", Set.of("NAME.sha256", "NAME.role"),
            "stateferry.access.hooks", Set.of("DEFINITION.secret"));

    @Test
    void everySettingOfOursIsInTheGuideWithItsDefaultAndNoOther() throws Exception {
        Map<String, String> real = new TreeMap<>();
        for (JsonNode property :
                JsonMapper.shared().readTree(Files.readString(METADATA)).path("properties")) {
            String name = property.path("name").asString();
            String value = property.path("defaultValue").asString("");
            PARTS.getOrDefault(name, Set.of(""))
                    .forEach(part -> real.put(part.isEmpty() ? name : name + "." + part, value));
            assertThat(property.path("description").asString("")).as(name).isNotEmpty();
        }
        Map<String, String> described = new TreeMap<>();
        Markdown.read(Markdown.GUIDE.resolve("service.md"))
                .tableBelow("Settings")
                .forEach(row -> described.put(
                        row.get(0).replace("`", ""),
                        row.get(1).equals("none") ? "" : row.get(1).replace("`", "")));
        described.keySet().removeIf(name -> !name.startsWith("stateferry."));

        assertThat(described).isEqualTo(real);
    }

    @Test
    void everyPathOfTheInterfaceIsInTheGuideAndNoOther() {
        Set<String> described = new TreeSet<>();
        Markdown.read(Markdown.GUIDE.resolve("api.md"))
                .tableBelow("Paths")
                .forEach(row -> described.add(row.get(0).replace("`", "")));

        assertThat(described).isEqualTo(ApiPaths.ofCode());
    }
}
