package org.stateferry.web;

import io.swagger.v3.oas.annotations.Operation;
import jakarta.servlet.http.HttpServletRequest;
import java.util.List;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RestController;
import org.stateferry.service.Definitions;
import org.stateferry.service.Definitions.Definition;

/** Job definitions: how they get on, and having one fire; also by programs that can do nothing else. */
@RestController
@RequestMapping("/api/v1")
class DefinitionsApi {
    private final Definitions definitions;
    private final Webhooks hooks;

    DefinitionsApi(Definitions definitions, Webhooks hooks) {
        this.definitions = definitions;
        this.hooks = hooks;
    }

    @GetMapping("/definitions")
    @Operation(summary = "All job definitions, when they fire next and how they ended last")
    List<Definition> list() {
        return definitions.list();
    }

    @GetMapping("/definitions/{name}")
    @Operation(summary = "One job definition")
    Definition one(@PathVariable String name) {
        return definitions.find(name).orElseThrow(() -> new Problems.UnknownException("definition " + name));
    }

    @PostMapping("/definitions/{name}/run")
    @Operation(summary = "Has a definition fire now, unless its import is under way")
    ResponseEntity<Definition> run(@PathVariable String name) {
        fire(name);
        return ResponseEntity.accepted().body(one(name));
    }

    /** The answer tells nothing but that the signature was right. */
    @PostMapping("/hooks/{name}")
    @Operation(summary = "Has a definition fire now, by whoever can sign the request")
    ResponseEntity<Void> hook(@PathVariable String name, HttpServletRequest request) {
        hooks.require(name, request.getHeader(Webhooks.TIMESTAMP), request.getHeader(Webhooks.SIGNATURE));
        request.setAttribute(AuditFilter.ABOUT, "signed");
        fire(name);
        return ResponseEntity.accepted().build();
    }

    private void fire(String name) {
        if (!definitions.fire(name)) {
            throw new Problems.UnknownException("definition " + name);
        }
    }
}
