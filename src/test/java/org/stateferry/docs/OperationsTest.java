package org.stateferry.docs;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.reflect.Method;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.stateferry.home.StateferryHome;

/** What the page on operations tells of the home is what lies there. */
class OperationsTest {
    /** Not files of their own: the home itself, and what H2 adds an ending to. */
    private static final Set<String> NO_FILES = Set.of("folder", "repositoryDatabase");

    private static Set<String> described() {
        return Markdown.read(Markdown.GUIDE.resolve("operations.md")).tableBelow("The home").stream()
                .flatMap(row -> Markdown.codes(row.get(0)).stream())
                .map(name -> name.replaceAll("/$", ""))
                .collect(Collectors.toCollection(TreeSet::new));
    }

    @Test
    void everyFileThatTheHomeHasAPlaceForIsInTheTableAndNoOther(@TempDir Path folder) throws Exception {
        StateferryHome home = StateferryHome.open(folder.resolve("home"));
        Set<String> real = new TreeSet<>(Set.of("installation-id"));
        for (Method method : StateferryHome.class.getDeclaredMethods()) {
            if (method.getReturnType() == Path.class
                    && method.getParameterCount() == 0
                    && !NO_FILES.contains(method.getName())) {
                method.setAccessible(true);
                Path place = home.folder().relativize((Path) method.invoke(home));
                real.add(place.startsWith("repository") ? "repository" : place.toString());
            }
        }

        assertThat(described()).isEqualTo(real);
        try (var made = Files.list(home.folder())) {
            assertThat(made.map(path -> path.getFileName().toString()))
                    .allSatisfy(name -> assertThat(real)
                            .as("the folder of one of them")
                            .anyMatch(place -> place.equals(name) || place.startsWith(name + "/")));
        }
    }
}
