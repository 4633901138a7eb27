package org.stateferry.docs;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class LinksTest {
    @Test
    void everyLinkOfTheDocumentationLeadsSomewhere() {
        List<String> broken = new ArrayList<>();
        int count = 0;
        for (Markdown page : Markdown.all()) {
            for (String link : page.links()) {
                count++;
                if (!link.matches("https?:.*") && !leadsSomewhere(page.path(), link)) {
                    broken.add(page.path() + ": " + link);
                }
            }
        }
        assertThat(broken).isEmpty();
        assertThat(count).as("links found at all").isGreaterThan(50);
    }

    private static boolean leadsSomewhere(Path page, String link) {
        int hash = link.indexOf('#');
        String file = hash < 0 ? link : link.substring(0, hash);
        Path target = file.isEmpty() ? page : page.resolveSibling(file).normalize();
        if (!Files.exists(target)) {
            return false;
        }
        return hash < 0 || Markdown.read(target).anchors().contains(link.substring(hash + 1));
    }

    @Test
    void everyPageOfTheGuideIsInItsIndex() {
        Markdown index = Markdown.read(Markdown.GUIDE.resolve("README.md"));
        assertThat(Markdown.guide())
                .extracting(page -> page.path().getFileName().toString())
                .filteredOn(name -> !name.equals("README.md"))
                .allSatisfy(name -> assertThat(index.links()).contains(name));
    }

    @Test
    void everyDecisionIsInTheIndexOfDecisions() throws Exception {
        Path folder = Path.of("src/docs/adr");
        Markdown index = Markdown.read(folder.resolve("README.md"));
        try (var files = Files.list(folder)) {
            assertThat(files.map(file -> file.getFileName().toString()))
                    .filteredOn(name -> name.matches("\\d{4}-.*"))
                    .isNotEmpty()
                    .allSatisfy(name -> assertThat(index.links()).contains(name));
        }
    }
}
