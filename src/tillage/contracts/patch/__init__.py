"""Patch rules: what is changed in the text of records that wait in quarantine, before they are judged anew."""
